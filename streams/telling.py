"""What a batch tells of its documents: change records, each with the document's whole state.

A reader remembers what it has seen of a document, and takes it for true as long as nothing else is told. So before the
watermark passes an event, the state that it left must have been told, after it was written and by somebody. That is
known of a record that lies below where everything is announced, unless an event that came again made it: its place
says nothing of when it was written. So a document is told of

- where we wrote its record, or meant to: also one that only moves, for documents are listed by when they were written,
  and because whoever was ahead of us, or wrote the same, may have died before saying so;
- where the record that was planned from may be untold, for the same reason;
- where its events became dead letters, but the index holds one of them: somebody else had taken it.

`before` is told where our own commit replaced the record that the plan had read, and that one was told before. So each
step from one state to the next is told with both its ends, or with an unknown beginning.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from freshet.schemas.feed import Change, Fields
from freshet.schemas.positions import FreshnessToken, Place
from freshet.schemas.topics import CHANGE_BYTES, Topics
from freshet.search.feed.changes import pack
from freshet.search.index.records import LedgerRecord, StoredPassage, Vector
from freshet.search.sparse import SparseVector
from freshet.streams.batch import Batch
from freshet.streams.messages import Message
from freshet.streams.plan import DocumentPlan, Outcome

LOOKS: Final = 3  # at documents whose passages go away while they are read
MOST_PASSAGES: Final = 1_000  # with more the record would be too large, so they are not even read
NOBODY: Final = Fields(present=False, metadata={})
Scored = tuple[Vector, SparseVector]


class States(Protocol):
    """What the index holds, as `IndexWriter` tells it."""

    async def ledger(self, keys: Collection[str]) -> dict[str, LedgerRecord]: ...

    async def passages(self, ids: Collection[str], *, vectors: bool = False) -> dict[str, StoredPassage]: ...


@dataclass(frozen=True, slots=True)
class Told:
    """A document to be told of, and the event it is about; `written` is its state, None where that is to be read.

    It is `moved` where its record only got another place: all that a search scores was told before.
    """

    key: str
    outcome: Outcome
    tenant: str | None
    origin: Place
    written: LedgerRecord | None = None
    before: Fields | None = None
    moved: bool = False


class Teller:
    """Makes the change records of batches for one index version. `built_to` as in `Announcer`."""

    def __init__(
        self,
        *,
        index: States,
        topics: Topics,
        version: str,
        incarnation: str | None = None,
        built_to: Mapping[int, int] | None = None,
    ) -> None:
        self._index = index
        self._topics = topics
        self._version = version
        self._incarnation = incarnation
        self._built_to = built_to or {}

    async def changes(self, batch: Batch) -> list[Message]:
        """The change records of a batch that is written. Raises as the index."""
        told = {
            each.key: each for each in (*_of_displacing(batch), *self._of_plans(batch), *await self._of_letters(batch))
        }
        if not told:
            return []
        states = _States(self._index, batch)
        await states.read(told.values())
        return [self._message(each, states) for each in told.values()]

    def _of_plans(self, batch: Batch) -> Iterator[Told]:
        for plan in batch.plans.values():
            event = plan.newest.event
            wanted = self._is_of_interest(event.partition, event.offset, again=event.again is not None)
            if wanted and _is_worth_saying(plan, batch):
                written = None if plan.key in batch.overtaken else plan.record
                place = Place(event.partition, event.offset)
                before = _before(plan, batch)
                moved = before is not None and plan.outcome is Outcome.UNCHANGED
                yield Told(plan.key, plan.outcome, event.tenant, place, written, before, moved)

    async def _of_letters(self, batch: Batch) -> list[Told]:
        """Documents that have nothing but dead letters here, of which the index may hold one all the same."""
        places = {key: place for key, place in batch.refused.items() if key not in batch.plans}
        records = await self._index.ledger(list(places)) if places else {}
        return [
            Told(key, Outcome.DEAD, record.tenant, places[key])
            for key, record in records.items()
            if record.partition == places[key].partition
            and not _is_told(record, batch)
            and self._is_of_interest(record.partition, record.offset, again=record.again)
        ]

    def _is_of_interest(self, partition: int, offset: int, *, again: bool) -> bool:
        """Whether the event is not only read again for a version that is being built."""
        return again or offset >= self._built_to.get(partition, 0)

    def _message(self, told: Told, states: _States) -> Message:
        record, passages = states.records[told.key], [] if told.moved else states.passages_of(told.key)
        packed, error = (None, 0.0) if passages is None else pack(passages)
        change = Change(
            index_version=self._version,
            incarnation=self._incarnation,
            outcome=told.outcome.value,
            origin=str(FreshnessToken(self._topics.documents, *told.origin)),
            key=told.key,
            tenant=told.tenant,
            before=told.before if record is told.written else None,
            after=_fields(record),
            passages=packed,
            error=error,
        )
        return Message(self._topics.indexed, told.key.encode(), _value(change), told.origin.partition)


class _States:
    """The states that are told: the records, and what scores their passages."""

    def __init__(self, index: States, batch: Batch) -> None:
        self._index = index
        self._batch = batch
        self.records: dict[str, LedgerRecord | None] = {}
        self._passages: dict[str, Scored] = {}

    async def read(self, told: Collection[Told]) -> None:
        """Find what is not known of these documents, in few calls: those that go on changing are looked at again."""
        self.records = {each.key: each.written for each in told}
        unknown = [key for key, record in self.records.items() if record is None]
        keys = [each.key for each in told if not each.moved]
        for _ in range(LOOKS):
            await self._read_records(unknown)
            await self._read_passages(keys)
            unknown = keys = [key for key in keys if self._lacking(key)]
            if not unknown:
                return

    def passages_of(self, key: str) -> list[Scored] | None:
        """In the order of the text; None where they cannot be told."""
        record = self.records[key]
        ids = record.passages if record is not None else ()
        found = [self._find(point) for point in ids[: MOST_PASSAGES + 1]]
        known = [each for each in found if each is not None]
        return known if len(known) == len(ids) and len(ids) <= MOST_PASSAGES else None

    async def _read_records(self, keys: Collection[str]) -> None:
        if keys:
            found = await self._index.ledger(keys)
            self.records |= {key: found.get(key) for key in keys}

    async def _read_passages(self, keys: Iterable[str]) -> None:
        lacking = [point for key in keys for point in self._lacking(key)]
        if lacking:
            for point, each in (await self._index.passages(lacking, vectors=True)).items():
                if each.vector is not None and each.terms is not None:
                    self._passages[point] = each.vector, each.terms

    def _lacking(self, key: str) -> list[str]:
        record = self.records[key]
        if record is None or len(record.passages) > MOST_PASSAGES:
            return []
        return [point for point in record.passages if self._find(point) is None]

    def _find(self, point: str) -> Scored | None:
        """Ids tell the text and all that is embedded with it, so a point of the batch is the one that is stored."""
        vector, terms = self._batch.vectors.get(point), self._batch.terms.get(point)
        return self._passages.get(point) if vector is None or terms is None else (vector, terms)


def _of_displacing(batch: Batch) -> Iterator[Told]:
    """Documents of which a state was taken away, whatever became of the event that did it."""
    for key, events in batch.displacing.items():
        event = events[-1]
        outcome = batch.plans[key].outcome if key in batch.plans else Outcome.DELETED
        yield Told(key, outcome, event.tenant, Place(event.partition, event.offset))


def _is_worth_saying(plan: DocumentPlan, batch: Batch) -> bool:
    return plan.record is not None or not _is_told(plan.read, batch)


def _is_told(record: LedgerRecord | None, batch: Batch) -> bool:
    """Whether a state is known to have been told by whoever wrote it, or by whoever found it."""
    if record is None:
        return True
    return record.offset < batch.announced.get(record.partition, 0) and not record.again


def _before(plan: DocumentPlan, batch: Batch) -> Fields | None:
    known = plan.key in batch.ours and plan.key not in batch.displacing and _is_told(plan.read, batch)
    return _fields(plan.read) if known else None


def _fields(record: LedgerRecord | None) -> Fields:
    if record is None or record.deleted:
        return NOBODY
    return Fields(present=True, metadata=dict(record.metadata))


def _value(change: Change) -> bytes:
    """As JSON, and in so far as that fits into a record."""
    value = change.model_dump_json().encode()
    if len(value) > CHANGE_BYTES and change.passages is not None:
        change = change.model_copy(update={"passages": None, "error": 0.0})
        value = change.model_dump_json().encode()
    if len(value) > CHANGE_BYTES:
        less = {"before": _without_metadata(change.before), "after": _without_metadata(change.after)}
        value = change.model_copy(update=less).model_dump_json().encode()
    return value


def _without_metadata(fields: Fields | None) -> Fields | None:
    return fields if fields is None or not fields.present else Fields(present=True, metadata=None)
