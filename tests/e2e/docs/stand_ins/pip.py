"""`pip install PATH[EXTRA,…]`: the path is a checkout's, and the extras exist. On PyPI the name is somebody else's."""

import re
import sys
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parents[4] / "pyproject.toml"

command, *wanted = sys.argv[1:]
extras = tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"]
for each in wanted:
    found = re.fullmatch(r"\.(?:\[([\w,]+)\])?", each)
    if command != "install" or not found:
        sys.exit(f"nobody here knows how to {command} {each}")
    if unknown := set((found[1] or "").split(",")) - {"", *extras}:
        sys.exit(f"there are no such extras: {unknown}")
