"""Mending what a verification found: documents go into `documents.again`, and workers write them as the log says.

So whoever owns a partition is the only one who changes its documents, tells each change, and does it again after a
crash.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from freshet.schemas.again import Again, Why
from freshet.schemas.decoding import Record
from freshet.schemas.positions import Order
from freshet.schemas.topics import Topics
from freshet.search.index.base import IndexAudit
from freshet.search.index.records import Displaced, LedgerRecord
from freshet.streams.again import wrap
from freshet.streams.announcing import Sink
from freshet.streams.comparing import Difference
from freshet.streams.folded import Folded
from freshet.streams.messages import Message


class AgainHealer:
    """`Healer` by way of the `again` topic. Only what no worker looks at is removed from the index itself."""

    def __init__(
        self, *, index: IndexAudit, sink: Sink, topics: Topics, order: Order, clock: Callable[[], float] = time.time
    ) -> None:
        self._index = index
        self._sink = sink
        self._topics = topics
        self._order = order
        self._clock = clock

    async def heal(self, difference: Difference, folded: Folded | None, record: LedgerRecord | None) -> None:  # noqa: ARG002
        """As `Healer.heal`; idempotent. Raises as the sink."""
        if folded is not None and folded.record is not None:
            await self._sink.send_all([wrap(folded.record, self._why(folded, record), self._topics.again)])
        elif record is not None:
            await self._sink.send_all([self._removal(record)])

    async def remove(self, orphans: Sequence[Displaced]) -> None:
        """As `Healer.remove`."""
        await self._index.remove(orphans)

    def _why(self, folded: Folded, record: LedgerRecord | None) -> Again:
        """What stands where no event is would refuse the one that counts, so that one displaces it."""
        null = folded.record is not None and folded.record.value is None and self._order is Order.VERSION
        version = folded.rank.version if null else None
        displaces = record.rank if record is not None and _is_in_the_way(record, folded) else None
        return Again(Why.HEALED, version=version, until=folded.until, displaces=displaces)

    def _removal(self, record: LedgerRecord) -> Message:
        """It is no event of the document, and leaves no end: the log says nothing of it, now as before."""
        place = self._topics.documents, record.partition, max(record.offset, 0)
        origin = Record(*place, self._clock(), record.key.encode(), None)
        return wrap(origin, Again(Why.REMOVED, displaces=record.rank), self._topics.again)


def _is_in_the_way(record: LedgerRecord, folded: Folded) -> bool:
    """Above the newest event, or in a partition where the document has none."""
    elsewhere = folded.record is not None and record.partition != folded.record.partition and not folded.divided
    return record.rank > folded.rank or elsewhere
