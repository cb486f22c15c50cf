"""`git clone ADDRESS`: what it would bring is this checkout."""

import sys
from pathlib import Path

command, address = sys.argv[1:]
if command != "clone":
    sys.exit(f"nobody here knows how to git {command}")
Path(address.rsplit("/", 1)[-1].removesuffix(".git")).symlink_to(Path(__file__).parents[4])
