"""A batch on its way through the worker's stages; each stage fills in its part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final

from freshet.schemas.again import Why
from freshet.schemas.decoding import BadEvent, Reason, Record
from freshet.schemas.events import Event
from freshet.schemas.keys import possible_key
from freshet.schemas.positions import Place
from freshet.search.index.records import LedgerRecord, Vector, Work
from freshet.search.sparse import SparseVector
from freshet.streams.messages import Message
from freshet.streams.plan import DocumentPlan, Outcome

_STAGES: Final = ("decode", "plan", "embed")  # whose ends a ledger record tells
_VECTORS: Final = ("embedded", "cached", "taken_over", "tokens")


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

    @property
    def attempts(self) -> int:
        """How often it was tried."""
        return self.record.again.attempts + 1 if self.record.again else 1


@dataclass(slots=True, eq=False)
class Batch:
    """What was fetched together.

    `ends` holds, per partition, the offset to commit once everything here is indexed and announced, `again_ends` the
    same for `documents.again`, whose records stand here at their origins once they are decoded; `ignored` counts those
    that cannot be used. `epoch` counts the worker's assignments: a batch of an earlier one is abandoned. `events` holds
    each document's events;
    `plans`, `assumed` and `made` speak of documents: what is to be written, from which state of a batch in flight it
    was planned, and which state it will leave; `overtaken` are those where somebody newer won, and `ours` those whose
    record is the very one that we wrote (writing.py). Below `announced`, by partition, all is known to be announced; 0
    where nothing is. `vectors` and `terms` are those of new passages, by
    their ids, and `shares` the tokens that the model took for them now, 0 where the cache had them; `taken_over` are
    those whose vector another point had. `fetched_at` and `passed`, by stage, are seconds since the epoch.
    `reinstated` is what compaction must not lose (reinstating.py). `displacing` are those by document before which a
    state was taken away that the log knows nothing of (`Again.displaces`).
    """

    records: tuple[Record, ...]
    ends: Mapping[int, int]
    announced: Mapping[int, int]
    epoch: int
    again_ends: Mapping[int, int] = field(default_factory=dict)
    ignored: int = 0
    events: dict[str, list[Event]] = field(default_factory=dict)
    dead: list[DeadLetter] = field(default_factory=list)
    plans: dict[str, DocumentPlan] = field(default_factory=dict)
    assumed: dict[str, Assumption] = field(default_factory=dict)
    made: dict[str, Assumption] = field(default_factory=dict)
    overtaken: set[str] = field(default_factory=set)
    ours: set[str] = field(default_factory=set)
    vectors: dict[str, Vector] = field(default_factory=dict)
    terms: dict[str, SparseVector] = field(default_factory=dict)
    shares: dict[str, int] = field(default_factory=dict)
    taken_over: set[str] = field(default_factory=set)
    fetched_at: float | None = None
    passed: dict[str, float] = field(default_factory=dict)
    reinstated: Sequence[Message] = ()
    displacing: dict[str, list[Event]] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        return sum(len(record.value or b"") for record in self.records)

    def refuse(self, event: Event, error: BadEvent) -> None:
        """Make one event a dead letter; the document's other events stay."""
        self.events[event.key] = [each for each in self.events[event.key] if each is not event]
        place = (event.partition, event.offset, event.again)
        self.bury(next(each for each in self.records if (each.partition, each.offset, each.again) == place), error)

    def bury(self, record: Record, error: BadEvent) -> None:
        """Make a record a dead letter; one that came again only where somebody must know how that went.

        What a verification has come again has no letter (any more), and would be found missing for ever.
        """
        why = record.again.why if record.again is not None else None
        # What is forgotten counted once, and is no news.
        if why in (None, Why.RETRIED) or (why is Why.HEALED and error.reason is not Reason.FORGOTTEN):
            self.dead.append(DeadLetter(record, error))
        else:
            self.ignored += 1

    @property
    def refused(self) -> dict[str, Place]:
        """By document key, where its last record lies of those that became dead letters here."""
        found: dict[str, Place] = {}
        for letter in self.dead:
            record, key = letter.record, possible_key(letter.record.key)
            if key is not None and (key not in found or found[key].offset < record.offset):
                found[key] = Place(record.partition, record.offset)
        return found

    def top(self, partition: int) -> int:
        """The highest offset of the batch in a partition of `documents`, -1 where there is none."""
        return self.ends.get(partition, 0) - 1

    def writes(self, keys: Iterable[str]) -> list[DocumentPlan]:
        """The plans of these documents that write anything."""
        return [plan for key in keys if (plan := self.plans.get(key)) is not None and plan.record is not None]

    def work(self, plan: DocumentPlan) -> Work | None:
        """What a plan's record says of its making, up to now; None where the times are not known.

        Where only the record's position moves, its vectors came as they came before.
        """
        if plan.outcome is Outcome.STALE:
            return plan.read.work if plan.read is not None else None
        if (times := self._times()) is None:
            return None
        if plan.outcome is Outcome.UNCHANGED and plan.read is not None and plan.read.work is not None:
            before = plan.read.work
            return replace(times, **{name: getattr(before, name) for name in _VECTORS})
        fresh = [self.shares.get(new.id, new.piece.tokens) for new in plan.add if new.id not in self.taken_over]
        given = [tokens for tokens in fresh if tokens]
        return replace(
            times,
            embedded=len(given),
            cached=len(fresh) - len(given),
            taken_over=len(plan.add) - len(fresh),
            tokens=sum(given),
        )

    def _times(self) -> Work | None:
        fetched, passed = self.fetched_at, [self.passed[stage] for stage in _STAGES if stage in self.passed]
        if fetched is None or len(passed) < len(_STAGES):
            return None
        decode, plan, embed = (after - before for before, after in pairwise([fetched, *passed]))
        return Work(fetched, decode, plan, embed)
