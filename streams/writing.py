"""How a batch reaches an index without transactions, so that no crash, pause or repetition shows a wrong state.

The order, for the documents of one partition:

1. Add the new passages; over an existing one only where its rank is not above the batch's. Nobody sees them: no record
   lists them.
2. Commit all ledger records in one conditional write: each must still have the position that its plan read. This
   makes a document's new passages visible and its old ones invisible at once, and refuses whoever planned from an
   older state.
3. Read the records back. Below the event: somebody's older state came between, so plan again. Above: somebody newer
   won. Equal: our own, or that of a twin who wrote the same event.
4. Where it is our own, delete the passages that it displaced, at ranks up to its own.

A crash between two steps leaves passages that no record lists; they are invisible, and swept (streams/sweep.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from freshet.schemas.positions import Rank
from freshet.search.index.base import IndexWriter
from freshet.search.index.records import Displaced, LedgerRecord, Passage, Vector, Work
from freshet.search.sparse import SparseVector
from freshet.streams.plan import DocumentPlan, NewPassage

A_SECOND: Final = 1_000_000  # in microseconds, of which the index keeps whole ones


@dataclass(frozen=True, slots=True)
class Written:
    """Keys of documents by what the read-back showed, and the records that it `found`.

    Of those that are `own`, `ours` are the ones where what is stored is the very record that we sent, so that no twin
    wrote it: it replaced the one that the plan had read.
    """

    own: tuple[str, ...]
    again: tuple[str, ...]
    overtaken: tuple[str, ...]
    ours: tuple[str, ...]
    found: Mapping[str, LedgerRecord]


async def write(
    index: IndexWriter,
    plans: Sequence[DocumentPlan],
    *,
    partition: int,
    top: int,
    vectors: Mapping[str, Vector],
    terms: Mapping[str, SparseVector],
    clock: Callable[[], float],
    work: Callable[[DocumentPlan], Work | None] = lambda _: None,
) -> Written:
    """Write plans of one partition, whose batch ends at offset `top`. `clock` tells seconds since the epoch.

    `vectors` and `terms` hold those of each new passage, by its id; `work` is what a plan has taken until now.

    Idempotent; after an error call it again with the same plans. Raises what the index raises.
    """
    for rank, additions in _by_fence(plans, top).items():
        passages = [_passage(record, new, vectors[new.id], terms[new.id]) for record, new in additions]
        await index.add(passages, at_most=rank)
    records = _dated(plans, clock(), work)
    await index.commit(records, partition=partition, read={plan.read.offset for plan in plans if plan.read})
    found = await index.ledger([plan.key for plan in plans])
    written = replace(_compare(plans, found), ours=_ours(records, found))
    own = set(written.own)
    displaced = _displaced([plan for plan in plans if plan.key in own and plan.displaced], partition)
    if displaced:
        await index.remove(displaced)
    return written


def _displaced(plans: Sequence[DocumentPlan], partition: int) -> list[Displaced]:
    """What these plans displaced, each up to its own rank; together where one lower fence does for several.

    Displaced passages stand at the rank of the record that was read, or below. Where that is below all ranks that are
    committed here, it fences just as well, and one condition costs the index far less than many.
    """
    if not plans:
        return []
    lowest = min(plan.newest.rank for plan in plans)
    early = {plan.key: plan.read.rank for plan in plans if plan.read and plan.read.rank < lowest}
    found = [Displaced(plan.displaced, partition, plan.newest.rank) for plan in plans if plan.key not in early]
    if early:
        points = tuple(point for plan in plans if plan.key in early for point in plan.displaced)
        found.append(Displaced(points, partition, max(early.values())))
    return found


def _dated(
    plans: Sequence[DocumentPlan], now: float, work: Callable[[DocumentPlan], Work | None]
) -> list[LedgerRecord]:
    """The records, saying since when they are searchable and what they took.

    They are a microsecond apart, so that of a batch the newest event is what became searchable last.
    """
    records = [replace(plan.record, work=_whole(work(plan))) for plan in plans if plan.record is not None]
    first = round(now * A_SECOND)
    return [
        replace(record, searchable_at=(first + number) / A_SECOND)
        for number, record in enumerate(sorted(records, key=lambda record: record.event_time))
    ]


def _whole(work: Work | None) -> Work | None:
    """With its times in whole microseconds, as it comes back."""
    if work is None:
        return None
    fetched, decode, plan, embed = (
        round(each * A_SECOND) / A_SECOND for each in (work.fetched_at, work.decode, work.plan, work.embed)
    )
    return replace(work, fetched_at=fetched, decode=decode, plan=plan, embed=embed)


def _by_fence(plans: Sequence[DocumentPlan], top: int) -> dict[Rank, list[tuple[LedgerRecord, NewPassage]]]:
    """New passages by the rank that an existing one must not be above.

    In log order that is one group: no event of these documents up to the batch's end is newer than the plan's. In
    version order an event that lies earlier may be newer, so there each version is fenced by itself. An event that
    came again may lie beyond the batch's end, and is its own fence.
    """
    groups: dict[Rank, list[tuple[LedgerRecord, NewPassage]]] = defaultdict(list)
    for plan in plans:
        if plan.record is not None and plan.add:
            fence = Rank(plan.newest.rank.version, max(top, plan.newest.rank.offset))
            groups[fence] += [(plan.record, new) for new in plan.add]
    return groups


def _passage(record: LedgerRecord, new: NewPassage, vector: Vector, terms: SparseVector) -> Passage:
    return Passage(
        id=new.id,
        key=record.key,
        tenant=record.tenant,
        text=new.piece.text,
        title=record.title,
        metadata=record.metadata,
        partition=record.partition,
        rank=record.rank,
        vector=vector,
        terms=terms,
    )


def _compare(plans: Sequence[DocumentPlan], found: Mapping[str, LedgerRecord]) -> Written:
    own, again, overtaken = [], [], []
    for plan in plans:
        stored, written = found.get(plan.key), plan.record
        if written is None or stored is None or stored.rank < written.rank:
            again.append(plan.key)
        elif stored.rank == written.rank:
            own.append(plan.key)
        else:
            overtaken.append(plan.key)
    return Written(tuple(own), tuple(again), tuple(overtaken), (), found)


def _ours(sent: Sequence[LedgerRecord], found: Mapping[str, LedgerRecord]) -> tuple[str, ...]:
    """Documents whose record came back as it was sent, with the times of this very write.

    Floats may come back with another last digit, so those of the event are left out.
    """
    return tuple(
        each.key
        for each in sent
        if (stored := found.get(each.key)) is not None
        and replace(stored, event_time=each.event_time, metadata=each.metadata) == each
    )
