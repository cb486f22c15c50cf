"""The documents that benchmarks index: Python's own documentation, or a corpus in the format of BEIR.

BEIR: a folder with `corpus.jsonl`, a line `{"_id", "title", "text"}` for each document (https://github.com/beir-cellar).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from freshet.schemas.errors import FreshetError

Event = dict[str, Any]


class CorpusError(FreshetError):
    """A corpus cannot be read, or holds too few documents."""


def read_corpus(folder: Path | None) -> list[Event]:
    """Events that publish each document of the corpus in `folder`, else of the standard library. Raises CorpusError."""
    if folder is None:
        from freshet.local.stdlib_docs import stdlib_docs

        return _spread([doc.event() for doc in stdlib_docs()])
    file = folder / "corpus.jsonl"
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"cannot read {file}: {error}") from error
    return [_event(file, number, line) for number, line in enumerate(lines, start=1) if line.strip()]


def take(events: list[Event], count: int) -> list[Event]:
    """The first so many. Raises CorpusError where there are fewer."""
    if len(events) < count:
        raise CorpusError(f"the corpus has {len(events):,} documents, and {count:,} are needed")
    return events[:count]


def _event(file: Path, number: int, line: str) -> Event:
    try:
        document = json.loads(line)
        found = {"id": document["_id"], "title": document.get("title", ""), "text": document["text"]}
    except (ValueError, KeyError, TypeError) as error:
        raise CorpusError(f"{file}, line {number}: no document with _id and text ({error!r})") from error
    return {"type": "upsert", **found}


def _spread(events: list[Event]) -> list[Event]:
    """In an order that mixes modules, for neighbours are alike in length; always the same one."""
    step = 61  # prime, so that all residues together are all events
    return [event for first in range(step) for event in events[first::step]]
