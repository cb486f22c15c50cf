"""Plan, embed and write: what the worker does to the index for a batch.

The plan of a batch starts from the ledger as the batches still in flight before it will leave it. When one of those
leaves another state than its plan said (it was refused, or somebody came between), what was planned from it is planned
again before it is written.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from freshet.schemas.decoding import BadEvent, Reason
from freshet.schemas.errors import PermanentError
from freshet.schemas.events import Event
from freshet.schemas.positions import Order, Place
from freshet.search.bm25 import Bm25
from freshet.search.embedding.base import Embedder
from freshet.search.index.base import IndexWriter
from freshet.search.index.records import LedgerRecord
from freshet.search.passages import Piece, Recipe, split
from freshet.search.sparse import SparseVector
from freshet.streams.batch import Assumption, Batch
from freshet.streams.cutting import cut_by_tokens
from freshet.streams.donor import Donor, Nobody
from freshet.streams.plan import DocumentPlan, NewPassage, collapse, may_have_ended, plan_document, without
from freshet.streams.remembered import RememberedLedger
from freshet.streams.retry import AbandonedError, Retry
from freshet.streams.writing import Written, write

INLINE_BYTES: Final = 10_000  # of events: so few are split in a millisecond or two, and a thread would cost as much
Wanted = Callable[[], bool]


async def nothing_forgotten(_partition: int) -> int:
    """The floor of tombstones where none is ever forgotten."""
    return -1


class Indexer:
    """Keeps one index version true to the events that it is given, batch by batch and in order.

    `plan`, `embed` and `write` may work on three batches at once, each on one and in the order of the log. `saved` is
    told the tokens of passages whose vectors were there, in the index or with the `donor`; `floor` tells up to which
    offset a partition's tombstones may be forgotten. Ledger records are remembered in about `ledger_bytes`; of a batch
    about `batch_tokens` are embedded at once, so that what is not wanted any more ends soon.
    """

    def __init__(
        self,
        *,
        index: IndexWriter,
        embedder: Embedder,
        order: Order,
        recipe: Recipe,
        text: Bm25,
        retry: Retry,
        clock: Callable[[], float],
        saved: Callable[[int], None] = lambda _: None,
        floor: Callable[[int], Awaitable[int]] = nothing_forgotten,
        donor: Donor | None = None,
        ledger_bytes: int,
        batch_tokens: int,
    ) -> None:
        self._index = index
        self._embedder = embedder
        self._order = order
        self._recipe = recipe
        self._text = text
        self._retry = retry
        self._clock = clock
        self._saved = saved
        self._floor = floor
        self._donor = donor or Nobody()
        self._remembered = RememberedLedger(ledger_bytes)
        self._batch_tokens = batch_tokens
        self._in_flight: dict[str, Assumption] = {}
        self._refused: dict[str, Place] = {}

    async def plan(self, batch: Batch, wanted: Wanted) -> None:
        """Fill in the plans of all documents of the batch."""
        displaced = await self._displace(batch, wanted)
        assumed = dict(self._in_flight)  # before the read: a batch that ends meanwhile is seen in one or the other
        ledger = await self._known(batch.events, assumed, wanted)
        for key in batch.events:
            assumption, stored = assumed.get(key), ledger.get(key)
            if assumption is not None and (stored is None or assumption.record.rank > stored.rank):
                ledger[key] = assumption.record
                batch.assumed[key] = assumption
        await self._plan_documents(batch, list(batch.events), ledger, wanted)
        for plan in batch.writes(displaced):
            batch.plans[plan.key] = without(plan, displaced[plan.key])
        if not wanted():
            raise AbandonedError("plan")
        for plan in batch.writes(batch.plans):
            if plan.record is not None:
                batch.made[plan.key] = self._in_flight[plan.key] = Assumption(plan.record)
        self._refused |= batch.refused

    async def embed(self, batch: Batch, wanted: Wanted) -> None:
        """Fill in the vectors of the passages that the plans add; what the model refuses is a dead letter."""
        await self._divide(batch, batch.writes(batch.plans), partial(self._embed, batch, wanted))

    async def write(self, batch: Batch, wanted: Wanted) -> None:
        """Write the plans; on return the index holds, for each document, what its newest event says, or newer."""
        again = [key for key in batch.events if self._unplanned(batch, key) or self._broken(batch, key)]
        keys = [plan.key for plan in batch.writes(batch.plans) if plan.key not in set(again)]
        while keys or again:
            if again:
                await self._prepare_again(batch, again, wanted)
            keys += [key for key in again if key in batch.plans]
            found_below: list[str] = []
            await self._divide(batch, batch.writes(keys), partial(self._write, batch, found_below, wanted))
            again = [*found_below, *(key for key in {*keys, *again} if self._unplanned(batch, key))]
            keys = []
        await self._mark_refused(batch, wanted)
        self.settle(batch)

    def settle(self, batch: Batch) -> None:
        """Later plans need this batch's assumptions no more: it is written, or abandoned."""
        for key, assumption in batch.made.items():
            plan = batch.plans.get(key)
            if plan is None or plan.record is not assumption.record:
                assumption.broken = True
            if self._in_flight.get(key) is assumption:
                del self._in_flight[key]
        for key, place in batch.refused.items():
            if (known := self._refused.get(key)) is not None and known <= place:
                del self._refused[key]

    async def _mark_refused(self, batch: Batch, wanted: Wanted) -> None:
        """Have the records of documents say that a dead letter lies above them, for it may be retried one day.

        Until then events of the document may come that change nothing; they are newer than the letter and must hold it
        off. In version order each event moves the record's position anyway.
        """
        places = batch.refused if self._order is Order.LOG else {}
        while marked := await self._below(places, wanted):
            for partition, records in _by_partition(marked).items():
                read = {each.offset for each in records}
                commit = partial(self._index.commit, records, partition=partition, read=read)
                await self._retry("write the index", commit, wanted)

    async def _below(self, places: Mapping[str, Place], wanted: Wanted) -> list[LedgerRecord]:
        """Records below the places of their documents' letters which do not say so, saying it."""
        if not places:
            return []
        for key in places:
            self._remembered.forget(key)
        ledger = await self._ledger(list(places), wanted)
        return [
            replace(record, refused=places[key].offset)
            for key, record in ledger.items()
            if record.partition == places[key].partition and max(record.offset, record.refused) < places[key].offset
        ]

    def _unplanned(self, batch: Batch, key: str) -> bool:
        """Whether the newest event of a document was refused and others of it are left."""
        return key not in batch.plans and bool(batch.events[key])

    def _broken(self, batch: Batch, key: str) -> bool:
        return key in batch.assumed and batch.assumed[key].broken

    async def _prepare_again(self, batch: Batch, keys: Sequence[str], wanted: Wanted) -> None:
        """Plan and embed documents anew, from what the index holds now."""
        ledger = await self._ledger(keys, wanted)
        for key in keys:
            batch.plans.pop(key, None)
        await self._plan_documents(batch, keys, ledger, wanted)
        await self._divide(batch, batch.writes(keys), partial(self._embed, batch, wanted))

    def forget(self) -> None:
        """Assume nothing of batches in flight: they are abandoned, and may never leave the states they were to leave.

        What they still write on their way out is refused or found by the commit's condition, as any sleeper's is.
        """
        self._in_flight.clear()
        self._refused.clear()
        self._remembered.clear()

    async def _displace(self, batch: Batch, wanted: Wanted) -> dict[str, LedgerRecord]:
        """Take away the states that count for nothing, before anything is planned from them; returns what was there.

        Whoever is interrupted does it again, for the events come again; a late one finds nothing at that rank.
        """
        displaced: dict[str, LedgerRecord] = {}
        for key in batch.displacing:
            self._remembered.forget(key)
        ledger = await self._ledger(batch.displacing, wanted) if batch.displacing else {}
        for key, record in ledger.items():
            if any(event.again is not None and event.again.displaces == record.rank for event in batch.displacing[key]):
                await self._retry("remove a record", partial(self._index.forget, record), wanted)
                displaced[key] = record
        return displaced

    async def _known(
        self, keys: Collection[str], in_flight: Collection[str], wanted: Wanted
    ) -> dict[str, LedgerRecord]:
        """Records as remembered, and others as stored, which are remembered unless a batch is writing them now."""
        known = self._remembered.find(keys)
        unknown = [key for key in keys if key not in known]
        if unknown:
            stored = await self._ledger(unknown, wanted)
            self._remember([record for key, record in stored.items() if key not in in_flight], wanted)
            known |= stored
        return known

    def _remember(self, records: Iterable[LedgerRecord], wanted: Wanted) -> None:
        """Unless the batch is abandoned: its partitions may be somebody else's by now."""
        if wanted():
            self._remembered.remember(records)

    async def _ledger(self, keys: Collection[str], wanted: Wanted) -> dict[str, LedgerRecord]:
        return await self._retry("read the ledger", lambda: self._index.ledger(list(keys)), wanted)

    async def _plan_documents(
        self, batch: Batch, keys: Sequence[str], ledger: dict[str, LedgerRecord], wanted: Wanted
    ) -> None:
        ledger = self._told_of_letters(ledger, batch)
        floors = await self._floors(batch, [key for key in keys if key not in ledger], wanted)
        if batch.bytes > INLINE_BYTES:
            await asyncio.to_thread(self._plan_now, batch, keys, ledger, floors)
        else:
            self._plan_now(batch, keys, ledger, floors)

    def _told_of_letters(self, ledger: Mapping[str, LedgerRecord], batch: Batch) -> dict[str, LedgerRecord]:
        """The records, saying of letters what they will say once the batches in flight are written."""
        told = dict(ledger)
        for places in (self._refused, batch.refused):
            for key in places.keys() & told.keys():
                record = told[key]
                if record.partition == places[key].partition:
                    told[key] = replace(record, refused=max(record.refused, places[key].offset))
        return told

    async def _floors(self, batch: Batch, unknown: Sequence[str], wanted: Wanted) -> dict[int, int]:
        """By partition, up to where tombstones may be forgotten; read after the ledger, and only where it matters."""
        partitions = {each.partition for key in unknown for each in batch.events[key] if may_have_ended(each)}
        return {
            partition: await self._retry("read the floor of tombstones", partial(self._floor, partition), wanted)
            for partition in partitions
        }

    def _plan_now(
        self, batch: Batch, keys: Sequence[str], ledger: dict[str, LedgerRecord], floors: Mapping[int, int]
    ) -> None:
        for key in keys:
            while events := batch.events[key]:
                record = ledger.get(key)
                newest = collapse(events, record, self._order)
                floor = floors.get(newest.event.partition, -1)
                try:
                    plan = batch.plans[key] = plan_document(newest, record, self._order, self._split, floor=floor)
                    batch.terms.update(self._terms(plan))
                    break
                except BadEvent as error:
                    batch.refuse(newest.event, error)

    def _terms(self, plan: DocumentPlan) -> Iterator[tuple[str, SparseVector]]:
        metadata = plan.record.metadata if plan.record is not None else {}
        return ((new.id, self._text.passage(new.piece.embedded, metadata)) for new in plan.add)

    def _split(self, title: str, text: str) -> list[Piece]:
        return split(title, text, self._recipe, self._embedder.token_ends)

    async def _embed(self, batch: Batch, wanted: Wanted, plans: Sequence[DocumentPlan]) -> None:
        needed = [new for plan in plans for new in (*plan.add, *plan.tried) if new.id not in batch.vectors]
        await self._take_over(batch, [new for new in needed if new.vector_of is not None], wanted)
        # What somebody asks to be made anew is not taken from where it may be wrong, too.
        await self._accept(batch, [new for plan in plans if not plan.newest.forced for new in (*plan.add, *plan.tried)])
        fresh = [new for new in needed if new.id not in batch.vectors]
        for part in cut_by_tokens(fresh, self._batch_tokens):
            texts = [new.piece.embedded for new in part]
            embedded = await self._retry("embed", partial(self._embedder.embed, texts, purpose="index"), wanted)
            batch.vectors.update(zip((new.id for new in part), embedded.vectors, strict=True))
            if embedded.shares is not None:
                batch.shares.update(zip((new.id for new in part), embedded.shares, strict=True))

    async def _take_over(self, batch: Batch, moved: Sequence[NewPassage], wanted: Wanted) -> None:
        """Vectors of passages whose text did not change, from the points that have them.

        One that is not there (it may belong to a batch that is still being written) is embedded like any other, which
        the embedding cache answers.
        """
        sources = [new.vector_of for new in moved if new.vector_of is not None]
        if not sources:
            return
        stored = await self._retry("read vectors", lambda: self._index.passages(sources, vectors=True), wanted)
        for new in moved:
            passage = stored.get(new.vector_of or "")
            if passage is not None and passage.vector is not None:
                batch.vectors[new.id] = passage.vector
                batch.taken_over.add(new.id)
                self._saved(new.piece.tokens)

    async def _accept(self, batch: Batch, fresh: Sequence[NewPassage]) -> None:
        """Vectors that the donor has."""
        fresh = [new for new in fresh if new.id not in batch.vectors]
        given = await self._donor.vectors(fresh) if fresh else {}
        for new in fresh:
            if new.id in given:
                batch.vectors[new.id] = given[new.id]
                batch.taken_over.add(new.id)
                self._saved(new.piece.tokens)

    async def _write(self, batch: Batch, again: list[str], wanted: Wanted, plans: Sequence[DocumentPlan]) -> None:
        by_partition: dict[int, list[DocumentPlan]] = defaultdict(list)
        for plan in plans:
            by_partition[plan.newest.event.partition].append(plan)
        # All partitions at once: while the index works on one, what another needs is made ready.
        calls = [self._writing(batch, partition, part) for partition, part in by_partition.items()]
        done = await asyncio.gather(
            *(self._retry("write the index", call, wanted) for call in calls), return_exceptions=True
        )
        for written in done:
            if isinstance(written, BaseException):
                raise written
            again += written.again
            batch.overtaken.update(written.overtaken)
            batch.ours.update(written.ours)
            self._remember(written.found.values(), wanted)

    def _writing(self, batch: Batch, partition: int, plans: Sequence[DocumentPlan]) -> Callable[[], Awaitable[Written]]:
        return lambda: write(
            self._index,
            plans,
            partition=partition,
            top=batch.top(partition),
            vectors=batch.vectors,
            terms=batch.terms,
            clock=self._clock,
            work=batch.work,
        )

    async def _divide(
        self,
        batch: Batch,
        plans: Sequence[DocumentPlan],
        work: Callable[[Sequence[DocumentPlan]], Awaitable[None]],
    ) -> None:
        """Do the work; where it is refused, halve it until the culprit is alone, and make only that a dead letter."""
        if not plans:
            return
        try:
            await work(plans)
        except PermanentError as error:
            if len(plans) == 1:
                self._refuse(batch, plans[0], error)
                return
            middle = len(plans) // 2
            await self._divide(batch, plans[:middle], work)
            await self._divide(batch, plans[middle:], work)

    def _refuse(self, batch: Batch, plan: DocumentPlan, error: PermanentError) -> None:
        batch.refuse(_culprit(batch, plan), BadEvent(Reason.REFUSED, str(error)))
        batch.plans.pop(plan.key, None)
        self._remembered.forget(plan.key)  # it may have been written all the same


def _by_partition(records: Iterable[LedgerRecord]) -> dict[int, list[LedgerRecord]]:
    found: dict[int, list[LedgerRecord]] = defaultdict(list)
    for record in records:
        found[record.partition].append(record)
    return found


def _culprit(batch: Batch, plan: DocumentPlan) -> Event:
    """The event of a plan that was refused: what a null ended, where its passages could not be embedded."""
    ended = plan.newest.ended
    refused = ended is not None and any(new.id not in batch.vectors for new in plan.tried)
    return ended if ended is not None and refused else plan.newest.event
