"""Where `freshet publish` finds documents: lines of JSON, or the text files of a folder."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from freshet.schemas.decoding import BadEvent, Reason

SUFFIXES: Final = frozenset({".md", ".markdown", ".rst", ".txt"})
_HEADING: Final = re.compile(r"#{1,6}\s+(.+?)\s*#*\s*$")
_UNDERLINE: Final = re.compile(r"([=\-~^\"'#*+])\1{2,}\s*$")
_FENCE: Final = "```"
_FRONT_MATTER: Final = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_MAX_TITLE: Final = 200


@dataclass(frozen=True, slots=True)
class Item:
    """One document to publish: where it stands, and how to read it (which raises BadEvent)."""

    where: str
    read: Callable[[], dict[str, Any]]


def from_lines(lines: Iterable[bytes]) -> Iterator[Item]:
    """A document or event a line; empty lines are passed over."""
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield Item(f"line {number}", partial(_from_line, line))


def from_folder(folder: Path) -> Iterator[Item]:
    """A document a text file, hidden ones left out, in the order of their paths."""
    for name in text_files(folder):
        yield Item(name, partial(read_file, folder, name))


def text_files(folder: Path, *, unreadable: Callable[[OSError], None] | None = None) -> list[str]:
    """The text files of a folder and those below it, by their paths from there; hidden files and folders are left out.

    `unreadable` hears of folders that could not be read.
    """
    found = []
    for parent, folders, files in os.walk(folder, onerror=unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [path for name in files if is_text(name) and (path := Path(parent, name)).is_file()]
    return [path.relative_to(folder).as_posix() for path in sorted(found)]


def is_text(name: str) -> bool:
    """Whether a file of that name is one of ours: its suffix is, and it is not hidden."""
    return not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES


def _from_line(line: bytes) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except UnicodeDecodeError as error:
        raise BadEvent(Reason.NOT_UTF8, f"the line is not UTF-8 (byte {error.start})") from error
    except (ValueError, RecursionError) as error:
        raise BadEvent(Reason.NOT_JSON, str(error)) from error
    if not isinstance(event, dict):
        raise BadEvent(Reason.WRONG_TYPE, "a line is one JSON object")
    return {"type": "upsert", **event}


def read_file(folder: Path, name: str) -> dict[str, Any]:
    """The event that publishes a text file, whose path from the folder is its id. Raises BadEvent."""
    path = folder / name
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadEvent(Reason.NOT_UTF8, f"the file is not UTF-8 (byte {error.start})") from error
    except OSError as error:
        raise BadEvent(Reason.INVALID_VALUE, f"the file cannot be read: {error.strerror}") from error
    title = (None if path.suffix.lower() == ".txt" else first_heading(text)) or path.name
    return {"type": "upsert", "id": name, "title": title[:_MAX_TITLE], "text": text}


def first_heading(text: str) -> str | None:
    """The first heading of a Markdown or reStructuredText document: marked by #, or underlined."""
    before, fenced = "", False
    for line in _FRONT_MATTER.sub("", text, count=1).splitlines():
        if line.startswith(_FENCE):
            fenced = not fenced
        elif not fenced:
            heading = _HEADING.match(line)
            if heading:
                return heading[1]
            if _UNDERLINE.match(line) and before and not _UNDERLINE.match(before):
                return before
            before = line.strip()
    return None
