"""The code blocks of a page."""

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^(\s*)```(.*)$")
_MARKER = re.compile(r"^\s*<!-- (.+?) -->$")
_LIST = re.compile(r"\s|[-*] |\d+\. ")


@dataclass(frozen=True)
class Block:
    """`marker` is the comment in the line above (`<!-- event -->`), which says what it is; `line` is its first."""

    page: str
    line: int
    language: str
    marker: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.page}, line {self.line}"


def blocks_of(page: str, text: str) -> list[Block]:
    """The fenced blocks. Raises ValueError for blocks that are indented, which tell no language, or have no end."""
    found: list[Block] = []
    lines = text.splitlines()
    at, prose = 0, ""
    while at < len(lines):
        line = lines[at]
        if fence := _FENCE.match(line):
            end = next((n for n in range(at + 1, len(lines)) if lines[n].strip() == "```"), None)
            if end is None:
                raise ValueError(f"{page}, line {at + 1}: the block has no end")
            marker = _MARKER.match(lines[at - 1]) if at else None
            inner = textwrap.dedent("\n".join(lines[at + 1 : end]))
            found.append(Block(page, at + 2, fence[2].strip(), marker[1] if marker else "", inner))
            at = end
        elif line.startswith("    ") and not lines[at - 1].strip() and not _LIST.match(prose):
            raise ValueError(f"{page}, line {at + 1}: an indented block; put it between fences that name its language")
        elif line.strip():
            prose = line
        at += 1
    return found


def pages(root: Path) -> list[Path]:
    """Everything that people read."""
    return sorted([root / "README.md", root / "CONTRIBUTING.md", *(root / "docs").rglob("*.md")])
