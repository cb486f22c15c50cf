"""`make TARGET`: the target exists, and the commands behind it take the arguments that they are given."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[4]
ASKED = (".venv/bin/freshet ", ".venv/bin/python -m benchmarks")

target = sys.argv[1]
if target not in re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE):
    sys.exit(f"there is no target {target} in the list that `make` shows")
done = subprocess.run(["/usr/bin/make", "-n", *sys.argv[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
if done.returncode:
    sys.exit(done.stderr)
for line in done.stdout.splitlines():
    if line.startswith(ASKED):
        program, *arguments = shlex.split(line)
        command = [sys.executable, *(["-m", "freshet"] if "freshet" in program else []), *arguments, "--help"]
        subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
