"""Keeping what compaction would lose: the state that the index holds, where its event is no longer its key's newest.

Compaction keeps the last record of each key, also one that was refused as stale or dead. A rebuild would read only that
one, and miss the document. So the record that the index holds is put into `documents.again`, at its origin.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from freshet.schemas.again import Again, Why
from freshet.schemas.decoding import Record
from freshet.schemas.errors import TransientError
from freshet.schemas.events import Delete, Upsert
from freshet.schemas.keys import possible_key
from freshet.schemas.positions import Order, Place
from freshet.schemas.topics import Topics
from freshet.search.index.base import IndexWriter
from freshet.search.index.records import LedgerRecord
from freshet.streams.again import wrap
from freshet.streams.batch import Batch
from freshet.streams.messages import Message
from freshet.streams.plan import Outcome


class Log(Protocol):
    """The documents topic, to read single records of."""

    async def read(self, places: Collection[Place]) -> dict[Place, Record]:
        """The records at these places, without those that compaction has removed. Raises TransientError."""
        ...


class Reinstater:
    """Finds what must be put into `documents.again` once a batch is written."""

    def __init__(self, *, index: IndexWriter, log: Log, topics: Topics, order: Order) -> None:
        self._index = index
        self._log = log
        self._topics = topics
        self._order = order

    async def messages(self, batch: Batch) -> list[Message]:
        """A record for each document whose newest event of the batch was refused. Raises as the index and the log."""
        refused = last_refused(batch)
        if not refused:
            return []
        ledger = await self._index.ledger(list(refused))
        hidden = {_place(each): each for each in ledger.values() if _is_hidden(_place(each), refused[each.key])}
        originals = await self._log.read(list(hidden))
        return [await self._message(record, originals.get(place)) for place, record in hidden.items()]

    async def _message(self, record: LedgerRecord, original: Record | None) -> Message:
        if original is None or original.key != record.key.encode():
            original = await self._put_together(record)
        version = record.rank.version if original.value is None and self._order is Order.VERSION else None
        return wrap(original, Again(Why.REINSTATED, version=version), self._topics.again)

    async def _put_together(self, record: LedgerRecord) -> Record:
        """The event as the index knows it, where compaction was faster than we."""
        event = _end(record) if record.deleted else await self._upsert(record)
        value = event.model_dump_json(exclude_none=True).encode() if event else None
        topic, key = self._topics.documents, record.key.encode()
        return Record(topic, record.partition, record.offset, record.event_time, key, value)

    async def _upsert(self, record: LedgerRecord) -> Upsert:
        """The document from its passages: splitting loses no character."""
        stored = await self._index.passages(record.passages)
        if len(stored) < len(record.passages):
            raise TransientError("reinstate", f"{record.key} is being changed")
        return Upsert(
            id=record.id,
            tenant=record.tenant,
            version=record.version,
            title=record.title,
            text="".join(stored[point].text for point in record.passages),
            metadata=dict(record.metadata),
        )


def _end(tombstone: LedgerRecord) -> Delete | None:
    """What ended a document; None for a null, which has no version of its own."""
    if tombstone.version is None:
        return None
    return Delete(id=tombstone.id, tenant=tombstone.tenant, version=tombstone.version)


def last_refused(batch: Batch) -> Mapping[str, Place]:
    """By document key, where its newest record of the documents topic lies, if that one was refused."""
    last: dict[str, tuple[Place, bool]] = {}
    for letter in batch.dead:
        if letter.record.again is None and (key := possible_key(letter.record.key)) is not None:
            _note(last, key, Place(letter.record.partition, letter.record.offset), refused=True)
    for key, events in batch.events.items():
        for event in events:
            if event.again is None:
                refused = not _counts(batch, key, event.offset)
                _note(last, key, Place(event.partition, event.offset), refused=refused)
    return {key: place for key, (place, refused) in last.items() if refused}


def _counts(batch: Batch, key: str, offset: int) -> bool:
    """Whether an event was taken for its document's newest."""
    plan = batch.plans.get(key)
    taken = plan is not None and plan.newest.event.offset == offset and plan.outcome is not Outcome.STALE
    return taken and key not in batch.overtaken


def _note(last: dict[str, tuple[Place, bool]], key: str, place: Place, *, refused: bool) -> None:
    known = last.get(key)
    if known is None or known[0].offset < place.offset:
        last[key] = place, refused


def _is_hidden(held: Place, refused: Place) -> bool:
    """Whether what the index holds lies before a refused record of its key. Other partitions are compacted apart."""
    return held.partition == refused.partition and held.offset < refused.offset


def _place(record: LedgerRecord) -> Place:
    return Place(record.partition, record.offset)
