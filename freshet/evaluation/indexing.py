"""From a corpus to an index, by the stages of the worker."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from freshet.evaluation.beir import CORPUS, FolderError, Judged
from freshet.schemas.decoding import Record, Rules
from freshet.schemas.errors import TransientError
from freshet.schemas.topics import Topics
from freshet.streams.batch import Batch
from freshet.streams.cutting import cut, ends
from freshet.streams.decode import decode_batch
from freshet.streams.indexer import Indexer
from freshet.streams.retry import AbandonedError, Weather

PATIENCE_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Sizes:
    """Most events and bytes of a batch."""

    events: int
    bytes: int


class Patience:
    """Whether to try again: a part may be away for a minute; a worker would wait for ever."""

    def __init__(self, weather: Weather, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._weather = weather
        self._clock = clock
        self._since: float | None = None
        self.last = ""

    def __call__(self) -> bool:
        if not self._weather.failing:
            self._since = None
            return True
        self.last = self._weather.failing[0]
        self._since = self._clock() if self._since is None else self._since
        return self._clock() - self._since < PATIENCE_SECONDS


async def index_corpus(
    judged: Judged,
    indexer: Indexer,
    *,
    rules: Rules,
    sizes: Sizes,
    patience: Patience,
    advance: Callable[[int], None],
) -> None:
    """Index what is not indexed yet. Raises FolderError for a document that is refused, and TransientError."""
    for records in _batches(judged.documents, sizes):
        batch = Batch(records, ends(records, CORPUS), {}, 0)
        decode_batch(batch, rules, Topics(CORPUS))
        try:
            await indexer.plan(batch, patience)
            await indexer.embed(batch, patience)
            await indexer.write(batch, patience)
        except AbandonedError as error:
            raise TransientError("evaluate", f"gave up after {PATIENCE_SECONDS:.0f} s: {patience.last}") from error
        for dead in batch.dead:
            raise FolderError(judged.folder / CORPUS, dead.record.offset + 1, str(dead.error))
        advance(len(records))


def _batches(records: Sequence[Record], sizes: Sizes) -> Iterator[tuple[Record, ...]]:
    pieces: Iterable[Sequence[Record]] = (
        records[at : at + sizes.events] for at in range(0, len(records), sizes.events)
    )
    for piece in pieces:
        yield from cut(piece, max_bytes=sizes.bytes)
