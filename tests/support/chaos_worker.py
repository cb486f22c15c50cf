"""Freshet's own worker and search service, wired as ever, with a model that embeds by digests and keeps a journal.

`python -m tests.support.chaos_worker worker` (or `search`). Each text that the model is given is a line of the file
that CHAOS_JOURNAL names, as JSON, so that what was paid for is known even of a process that was killed. The model
refuses some words: one always, another until a file beside the journal is there.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from freshet.cli.processes import run, run_search, run_worker
from freshet.schemas.errors import PermanentError
from freshet.search.embedding.base import Embedded, Embedder, Purpose
from freshet.settings import Settings
from tests.chaos.fold import POISON, UNKNOWN
from tests.support.embedder import CountingEmbedder

JOURNAL = "CHAOS_JOURNAL"
PROCESSES = {"worker": run_worker, "search": run_search}


class JournalEmbedder(CountingEmbedder):
    """Writes down what it is about to embed for the index, in one write that no kill can halve."""

    def __init__(self, journal: Path) -> None:
        super().__init__(poison=POISON)
        self._journal = journal

    async def embed(self, texts: Sequence[str], *, purpose: Purpose = "index") -> Embedded:
        if any(UNKNOWN in text for text in texts) and not mended(self._journal).exists():
            raise PermanentError("embed", "the model does not know a word of this text")
        if purpose == "index":
            with self._journal.open("ab", buffering=0) as file:
                file.write(b"".join(json.dumps(text).encode() + b"\n" for text in texts))
        self.texts.clear()
        return await super().embed(texts, purpose=purpose)


def mended(journal: Path) -> Path:
    """Where this file is, the model refuses one word less."""
    return journal.with_suffix(".mended")


def journal(path: Path) -> list[str]:
    """Every text that was embedded for the index so far."""
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def main(command: str) -> None:
    def load(_: Settings) -> Embedder:
        return JournalEmbedder(Path(os.environ[JOURNAL]))

    run(partial(PROCESSES[command], load=load))


if __name__ == "__main__":
    main(sys.argv[1])
