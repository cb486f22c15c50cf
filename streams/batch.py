"""A batch on its way through the worker's stages; each stage fills in its part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from freshet.schemas.decoding import BadEvent, Record
from freshet.schemas.events import Event
from freshet.search.index.records import LedgerRecord, Vector
from freshet.search.sparse import SparseVector
from freshet.streams.plan import DocumentPlan


@dataclass(slots=True)
class Assumption:
    """The state that a batch in flight will leave of a document, as the plans of later batches assume it.

    `broken` when that batch left another one: what was planned from it must be planned again.
    """

    record: LedgerRecord
    broken: bool = False


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that can never be indexed, with its reason."""

    record: Record
    error: BadEvent


@dataclass(slots=True, eq=False)
class Batch:
    """What was fetched together.

    `ends` holds, per partition, the offset to commit once everything here is indexed and announced. `epoch` counts the
    worker's assignments: a batch of an earlier one is abandoned. `events` holds each document's events by offset;
    `plans`, `assumed` and `made` speak of documents: what is to be written, from which state of a batch in flight it
    was planned, and which state it will leave; `overtaken` are those where somebody newer won. `since` is where this
    worker began in each partition: what lies there or after may have been indexed and never announced. `vectors` and
    `terms` are those of new passages, by their ids.
    """

    records: tuple[Record, ...]
    ends: Mapping[int, int]
    since: Mapping[int, int]
    epoch: int
    events: dict[str, list[Event]] = field(default_factory=dict)
    dead: list[DeadLetter] = field(default_factory=list)
    plans: dict[str, DocumentPlan] = field(default_factory=dict)
    assumed: dict[str, Assumption] = field(default_factory=dict)
    made: dict[str, Assumption] = field(default_factory=dict)
    overtaken: set[str] = field(default_factory=set)
    vectors: dict[str, Vector] = field(default_factory=dict)
    terms: dict[str, SparseVector] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        return sum(len(record.value or b"") for record in self.records)

    def refuse(self, event: Event, error: BadEvent) -> None:
        """Make one event a dead letter; the document's other events stay."""
        self.events[event.key] = [each for each in self.events[event.key] if each is not event]
        place = (event.partition, event.offset)
        record = next(each for each in self.records if (each.partition, each.offset) == place)
        self.dead.append(DeadLetter(record, error))

    def top(self, partition: int) -> int:
        """The highest offset of the batch in a partition."""
        return self.ends[partition] - 1

    def writes(self, keys: Iterable[str]) -> list[DocumentPlan]:
        """The plans of these documents that write anything."""
        return [plan for key in keys if (plan := self.plans.get(key)) is not None and plan.record is not None]
