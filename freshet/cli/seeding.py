"""The documentation of Python's standard library as what the demo searches."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from freshet.background import in_background
from freshet.cli.mirroring import Tell, read_state, write_state
from freshet.local.processes import LocalPartError
from freshet.local.stdlib_docs import StdlibDoc, corpus_key, stdlib_docs

if TYPE_CHECKING:
    from freshet.streams.publisher import Publisher

WINDOW: Final = 500
SHOWN: Final = 3
# What people ask, and the module that has the answer.
QUESTIONS: Final = {
    "remember the results of an expensive function": "functools",
    "shuffle a deck of cards": "random",
    "pick a secure password at random": "secrets",
    "compare two folders": "filecmp",
    "what is the median of these numbers": "statistics",
    "wait until several tasks are finished": "asyncio",
    "find the difference between two texts": "difflib",
    "how do I parse json": "json",
    "a spreadsheet exported as text": "csv",
    "thread safe queue": "queue",
}


class StandardLibrary:
    """Published once; `file` says what of it was."""

    def __init__(self, file: Path, modules: Sequence[str]) -> None:
        self.name = "the documentation of Python's standard library"
        self._file = file
        self._modules = modules
        self._key = corpus_key(modules)
        self._docs: list[StdlibDoc] = []
        before = read_state(file)
        self._ids: list[str] = before.get("ids", [])
        self._is_published = before.get("key") == self._key

    async def read(self) -> None:
        """Read the documentation, unless it is published. Raises LocalPartError where there is none."""
        if self._is_published:
            return
        self._docs = await in_background(partial(stdlib_docs, self._modules))
        if not self._docs:
            of = ", ".join(self._modules) or "this interpreter: its library has no source files"
            raise LocalPartError(f"found no documentation of {of}")

    async def publish(self, publisher: Publisher, *, expect: Tell, advance: Tell) -> int:
        """Publish what was read, and the end of what was published before and is no part of it; how many events."""
        if not self._docs:
            return 0
        ids = [doc.id for doc in self._docs]
        events = [doc.event() for doc in self._docs]
        events += [{"type": "delete", "id": each} for each in sorted(set(self._ids).difference(ids))]
        expect(len(events))
        write_state(self._file, {"key": "", "ids": sorted({*ids, *self._ids})})  # should we be interrupted
        for start in range(0, len(events), WINDOW):
            advance(len(await publisher.publish_many(events[start : start + WINDOW])))
        write_state(self._file, {"key": self._key, "ids": ids})
        return len(events)

    def examples(self) -> Sequence[str]:
        """Questions that it answers."""
        modules = {each.partition(".")[0] for each in self._modules}
        return [each for each, module in QUESTIONS.items() if not modules or module in modules][:SHOWN]

    async def follow(self, publisher: Publisher) -> None:
        """Nothing: it does not change."""
