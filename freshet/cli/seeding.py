"""Filling the demo's index: what is to be published, whether it was before, and how far indexing has come."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from freshet.cli.output import counted
from freshet.cli.progress import progress_bar

if TYPE_CHECKING:
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
        before = _read(file)
        self._ids: list[str] = before.get("ids", [])
        self.is_published = before.get("key") == self._key

    async def publish(self, publisher: Publisher) -> int:
        """Publish it all, and the end of what was published before and is not part of it; answers how many events."""
        from freshet.local.stdlib_docs import stdlib_docs

        docs = await asyncio.to_thread(stdlib_docs, self._modules)
        ids = [doc.id for doc in docs]
        events = [doc.event() for doc in docs]
        events += [{"type": "delete", "id": each} for each in sorted(set(self._ids).difference(ids))]
        self._write({"key": "", "ids": sorted({*ids, *self._ids})})  # should we be interrupted
        with progress_bar("publishing", len(events)) as advance:
            for start in range(0, len(events), WINDOW):
                advance(len(await publisher.publish_many(events[start : start + WINDOW])))
        self._write({"key": self._key, "ids": ids})
        return len(events)

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
    """Show how the group catches up with the topic, until it has."""
    total = behind = await _behind(offsets, topic, group)
    if not total:
        return
    began = time.monotonic()
    with _shown(total, say) as done:
        while behind:
            await asyncio.sleep(POLL_SECONDS)
            behind = await _behind(offsets, topic, group)
            done(total - behind)
    seconds = time.monotonic() - began
    say(f"indexed {counted(total, 'event')} in {seconds:.1f} s ({total / seconds:,.0f}/s)")
