"""Mending what a verification found: documents go into `documents.again`, and workers write them as the log says."""

from __future__ import annotations

from collections.abc import Sequence

from freshet.schemas.again import Again, Why
from freshet.schemas.positions import Order
from freshet.schemas.topics import Topics
from freshet.search.index.base import IndexAudit
from freshet.search.index.records import Displaced, LedgerRecord
from freshet.streams.again import wrap
from freshet.streams.announcing import Sink
from freshet.streams.comparing import Difference
from freshet.streams.folded import Folded
from freshet.streams.telling import ended


class AgainHealer:
    """`Healer` by way of the `again` topic. What the log knows nothing of is removed from the index itself.

    That is told in the change feed of the index version, for no event tells it.
    """

    def __init__(
        self, *, index: IndexAudit, sink: Sink, topics: Topics, version: str, incarnation: str | None, order: Order
    ) -> None:
        self._index = index
        self._sink = sink
        self._topics = topics
        self._version = version
        self._incarnation = incarnation
        self._order = order

    async def heal(self, difference: Difference, folded: Folded | None, record: LedgerRecord | None) -> None:  # noqa: ARG002
        """As `Healer.heal`; idempotent. Raises as the index and the sink."""
        event = folded.record if folded is not None else None
        if record is not None and (folded is None or record.rank > folded.rank):
            await self._forget(record)  # it stands where no event is, and would refuse the one that counts
        if event is not None and folded is not None:
            null = event.value is None and self._order is Order.VERSION
            again = Again(Why.HEALED, version=folded.rank.version if null else None, until=folded.until)
            await self._sink.send_all([wrap(event, again, self._topics.again)])

    async def remove(self, orphans: Sequence[Displaced]) -> None:
        """As `Healer.remove`."""
        await self._index.remove(orphans)

    async def _forget(self, record: LedgerRecord) -> None:
        await self._index.forget(record)
        if record.key in await self._index.ledger([record.key]):
            return  # it has moved meanwhile, and whoever moved it tells that
        # Before anything else can fail, for nobody would find out later that it is to be told.
        told = ended(record, topics=self._topics, version=self._version, incarnation=self._incarnation)
        await self._sink.send_all([told])
        if record.passages:
            await self._index.remove([Displaced(record.passages, record.partition, record.rank)])
