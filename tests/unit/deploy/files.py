"""The Dockerfile and the compose file as a test reads them."""

import json
import re
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).parents[3]
OURS = ("topics", "worker", "search")


class Instruction(NamedTuple):
    name: str
    arguments: str

    def exec_form(self) -> list[str]:
        """The words of an instruction that is run without a shell; fails for one that is not."""
        return [str(word) for word in json.loads(self.arguments[self.arguments.index("[") :])]


@dataclass
class Stage:
    """What stands between two FROM lines."""

    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, name: str) -> list[Instruction]:
        return [each for each in self.instructions if each.name == name]

    def only(self, name: str) -> Instruction:
        (found,) = self.all(name)
        return found

    def environment(self) -> dict[str, str]:
        return dict(re.findall(r"(\w+)=(\S+)", " ".join(each.arguments for each in self.all("ENV"))))

    def copied(self) -> list[str]:
        """What is copied from the tree, not from other stages."""
        words = [each.arguments.split() for each in self.all("COPY")]
        return [source for line in words if not line[0].startswith("--from") for source in line[:-1]]


@cache
def stages() -> list[Stage]:
    """The stages of the Dockerfile, build arguments put in at their defaults."""
    lines = [
        line for line in (ROOT / "deploy/Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#")
    ]
    found: list[Stage] = []
    arguments: dict[str, str] = {}
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if not line.strip():
            continue
        name, _, rest = line.strip().partition(" ")
        rest = re.sub(r"\$\{(\w+)\}", lambda match: arguments.get(match[1], match[0]), rest.strip())
        if name == "ARG":
            key, _, value = rest.partition("=")
            arguments[key] = value
        if name == "FROM":
            base, _, stage = rest.partition(" AS ")
            found.append(Stage(base, stage))
        elif found:
            found[-1].instructions.append(Instruction(name, rest))
    return found


@cache
def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return content


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose()["services"]
    return found


def dotenv(text: str) -> dict[str, str]:
    """`NAME=value` lines, as compose and systemd read them."""
    lines = (line.strip() for line in text.splitlines())
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def environment(service: str) -> dict[str, str]:
    """What a process of ours finds in its container: the image's, the file's, the service's own."""
    given: dict[str, str] = services()[service].get("environment", {})
    return {**stages()[-1].environment(), **dotenv((ROOT / "deploy/compose.env").read_text()), **given}


def megabytes(size: str) -> float:
    """Of a memory limit such as 512M."""
    return float(size[:-1]) * {"M": 1, "G": 1024}[size[-1]]


def is_sent(path: str) -> bool:
    """Whether .dockerignore lets a file of the tree into a build: the last pattern that matches decides."""
    patterns = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    sent = True
    for pattern in patterns:
        if _matches(path, pattern.removeprefix("!")):
            sent = pattern.startswith("!")
    return sent


def _matches(path: str, pattern: str) -> bool:
    """A pattern matches a path or a folder above it; `**/` stands for any folders."""
    parts = path.split("/")
    if pattern.startswith("**/"):
        return any(fnmatch(part, pattern.removeprefix("**/")) for part in parts)
    depth = pattern.count("/") + 1
    return len(parts) >= depth and all(map(fnmatch, parts, pattern.split("/")))
