"""Filling the demo's index: what is to be published, whether it was before, and how far indexing has come."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from freshet.cli.output import counted
from freshet.cli.progress import progress_bar

if TYPE_CHECKING:
    from freshet.local.stdlib_docs import StdlibDoc
    from freshet.streams.kafka.offsets import KafkaOffsets
    from freshet.streams.publisher import Publisher

Say = Callable[[str], None]

POLL_SECONDS: Final = 0.2
TELL_SECONDS: Final = 5.0  # between two lines where there is no bar
WINDOW: Final = 500


class Seed:
    """The documentation of the standard library, and a file that says what of it was published before."""

    def __init__(self, file: Path, modules: Sequence[str]) -> None:
        from freshet.local.stdlib_docs import corpus_key

        self._file = file
        self._modules = modules
        self._key = corpus_key(modules)
        self._docs: list[StdlibDoc] = []
        before = _read(file)
        self._ids: list[str] = before.get("ids", [])
        self.is_published = before.get("key") == self._key

    async def read(self) -> None:
        """Read the documentation. Raises LocalPartError where there is none."""
        from freshet.local.processes import LocalPartError
        from freshet.local.stdlib_docs import stdlib_docs

        self._docs = await asyncio.to_thread(stdlib_docs, self._modules)
        if not self._docs:
            of = ", ".join(self._modules) or "this interpreter: its library has no source files"
            raise LocalPartError(f"found no documentation of {of}")

    async def publish(self, publisher: Publisher) -> None:
        """Publish what was read, and the end of what was published before and is no part of it."""
        ids = [doc.id for doc in self._docs]
        events = [doc.event() for doc in self._docs]
        events += [{"type": "delete", "id": each} for each in sorted(set(self._ids).difference(ids))]
        self._write({"key": "", "ids": sorted({*ids, *self._ids})})  # should we be interrupted
        with progress_bar("publishing", len(events)) as advance:
            for start in range(0, len(events), WINDOW):
                advance(len(await publisher.publish_many(events[start : start + WINDOW])))
        self._write({"key": self._key, "ids": ids})

    def _write(self, state: dict[str, Any]) -> None:
        fresh = self._file.with_suffix(".new")
        fresh.write_text(json.dumps(state))
        fresh.replace(self._file)


def _read(file: Path) -> dict[str, Any]:
    try:
        state: dict[str, Any] = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return state


async def wait_until_indexed(offsets: KafkaOffsets, *, topic: str, group: str, say: Say) -> None:
    """Show how the group catches up with the topic, until it has: a bar at a terminal, some lines elsewhere."""
    total = behind = await _behind(offsets, topic, group)
    if not total:
        return
    pace = _Pace(total)
    with progress_bar("indexing", total) as advance:
        while behind:
            await asyncio.sleep(POLL_SECONDS)
            before, behind = behind, await _behind(offsets, topic, group)
            advance(before - behind)
            if behind and not sys.stderr.isatty():
                pace.tell(total - behind, say)
    say(f"indexed {counted(total, 'event')} in {pace.seconds:.1f} s ({total / pace.seconds:,.0f}/s)")


async def _behind(offsets: KafkaOffsets, topic: str, group: str) -> int:
    return sum(each.end - each.next for each in await offsets.positions(topic, group))


class _Pace:
    """Tells now and then how far it is, how fast it goes and how long it will take."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._began = self._told = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def tell(self, done: int, say: Say) -> None:
        if time.monotonic() - self._told < TELL_SECONDS:
            return
        self._told = time.monotonic()
        rate = done / self.seconds
        left = f", {(self._total - done) / rate:.0f} s left" if rate else ""
        say(f"indexed {done:,} of {self._total:,} ({rate:,.0f}/s{left})")
