"""The worker: fetches batches, sends them through the stages, commits what is announced, and ends in order."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from functools import partial
from itertools import pairwise
from typing import Any, Final, NamedTuple, Protocol

from freshet.schemas.decoding import Record, Rules
from freshet.schemas.status import WorkerStatus
from freshet.schemas.topics import Topics
from freshet.streams.announcing import Announcer
from freshet.streams.batch import Batch
from freshet.streams.cutting import cut, ends
from freshet.streams.decode import Earlier, decode_batch, nothing_earlier
from freshet.streams.indexer import Indexer
from freshet.streams.kafka.consumer import DocumentsConsumer
from freshet.streams.metrics import STAGES, WorkerMetrics
from freshet.streams.pace import Pace
from freshet.streams.plan import Outcome
from freshet.streams.reinstating import Reinstater
from freshet.streams.retry import AbandonedError, Retry, always

logger = logging.getLogger(__name__)

REBALANCE_SECONDS: Final = 30.0  # at most for what is in flight: the group waits a minute for all to join again
STATISTICS_PARTITION: Final = 0  # whoever has it keeps the term statistics of the whole index
_NEXT: Final = dict(pairwise(STAGES))


class Channel(Protocol):
    """What the fetching side knows of the first stage: a full channel makes it wait."""

    async def put(self, value: Batch) -> None: ...


class Place(NamedTuple):
    """Where a batch is: in a stage, or waiting to come in."""

    stage: str
    inside: bool = False


class Worker:
    """Everything between the consumer and the commit.

    Batches in flight are those that were fetched and not yet committed or abandoned. The end of the process waits
    `drain_seconds` for them, a rebalance half a minute at most; the rest is abandoned: such a batch goes no further and
    is never committed, so whoever has the partition next gets its events again.
    """

    def __init__(
        self,
        *,
        consumer: Callable[..., DocumentsConsumer],
        indexer: Indexer,
        announcer: Announcer,
        metrics: WorkerMetrics,
        rules: Rules,
        topics: Topics,
        reinstater: Reinstater,
        retry: Retry,
        clock: Callable[[], float],
        sweep: Callable[[int, int], Awaitable[int]],
        keep_statistics: Callable[[], Coroutine[Any, Any, None]],
        keep_checking: Callable[[], Coroutine[Any, Any, None]],
        purge: Callable[[frozenset[int]], Coroutine[Any, Any, None]],
        batch_bytes: int,
        drain_seconds: float,
        pace: Pace,
        earlier: Earlier = nothing_earlier,
    ) -> None:
        self._consumer = consumer(on_assigned=self._assigned, on_revoked=self._revoked)
        self._indexer = indexer
        self._announcer = announcer
        self._metrics = metrics
        self._rules = rules
        self._topics = topics
        self._reinstater = reinstater
        self._retry = retry
        self._clock = clock
        self._sweep = sweep
        self._keep_statistics = keep_statistics
        self._keep_checking = keep_checking
        self._purge = purge
        self._chores: set[asyncio.Task[None]] = set()
        self._batch_bytes = batch_bytes
        self._drain_seconds = drain_seconds
        self._pace = pace
        self._earlier = earlier
        self._epoch = 0
        self._taken: dict[int, int] = {}  # by partition of `documents`, the end of what was taken in this epoch
        self._partitions: frozenset[int] = frozenset()
        self._in_flight: dict[Batch, Place] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self._fetching = asyncio.Event()
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def joined(self) -> bool:
        """Whether this worker is a member of its consumer group now."""
        return self._fetching.is_set()

    @property
    def partitions(self) -> frozenset[int]:
        """Those of `documents` and `documents.again` that are this worker's now."""
        return self._partitions

    @property
    def cannot_fetch(self) -> bool:
        """Whether Kafka refused the last fetch, in part at least."""
        return self._consumer.failing

    @property
    def held(self) -> str | None:
        """Why the next batch waits although there is room for it, where it does."""
        return self._pace.held

    def status(self, group: str) -> WorkerStatus:
        """What it does now, as a member of `group`."""
        places = self._in_flight.values()
        waiting = Counter(place.stage for place in places if not place.inside)
        return self._metrics.status(group, waiting=waiting, busy={place.stage for place in places if place.inside})

    async def consume(self, documents: Channel) -> None:
        """Join the group and fill the channel until cancelled; then finish or abandon what is in flight.

        Raises what made a stage fail for good.
        """
        fetching = asyncio.create_task(self._fetch(documents))
        try:
            await self._retry("join the consumer group", self._consumer.start, always)
            await asyncio.wait({fetching, self._failure}, return_when=asyncio.FIRST_COMPLETED)
            for ended in (self._failure, fetching):
                if ended.done():
                    ended.result()
        finally:
            fetching.cancel()
            await asyncio.wait([fetching])
            await self._finish(self._drain_seconds)
            self._epoch += 1
            await self._consumer.stop()

    async def _fetch(self, documents: Channel) -> None:
        while True:
            await self._fetching.wait()
            records = await self._consumer.fetch()
            # Read afterwards: a rebalance may have come and gone while we waited, and these are the new one's records.
            epoch = self._epoch
            for piece in cut(records, max_bytes=self._batch_bytes, max_events=self._pace.most):
                await self._pace.admit(len(piece))
                if epoch != self._epoch:  # a rebalance came meanwhile: whoever has the partition now gets them again
                    break
                batch = self._batch(piece, epoch)
                self._in_flight[batch] = Place(STAGES[0])
                self._idle.clear()
                self._metrics.fetched(len(piece))
                await documents.put(batch)

    def _batch(self, records: tuple[Record, ...], epoch: int) -> Batch:
        documents, again = (ends(records, topic) for topic in (self._topics.documents, self._topics.again))
        batch = Batch(records, documents, self._taken, epoch, again_ends=again, fetched_at=self._clock())
        self._taken = {**self._taken, **documents}  # those before it are announced before it, or none of them is
        return batch

    async def _assigned(self, partitions: frozenset[int]) -> None:
        logger.info("assigned partitions %s", sorted(partitions) or "none")
        self._partitions = partitions
        self._taken = {}
        self._fetching.set()
        self._cancel_chores()  # of an assignment that was lost while the worker was still joining
        self._begin(self._sweep_all(partitions))
        self._begin(self._purge(partitions))
        if STATISTICS_PARTITION in partitions:
            self._begin(self._keep_statistics())
            self._begin(self._keep_checking())

    async def _revoked(self, partitions: frozenset[int]) -> None:
        self._fetching.clear()
        self._partitions = frozenset()
        await self._finish(min(self._drain_seconds, REBALANCE_SECONDS))
        self._epoch += 1
        self._taken = {}
        self._indexer.forget()
        if partitions:
            logger.info("gave back partitions %s", sorted(partitions))

    async def _sweep_all(self, partitions: frozenset[int]) -> None:
        """Once per assignment: what a crash left behind was left by whoever had these partitions before."""
        for partition in sorted(partitions):
            try:
                below = await self._retry(
                    "read committed offsets", partial(self._consumer.committed, partition), always
                )
                found = await self._retry("sweep", partial(self._sweep, partition, below), always)
            except Exception:
                logger.exception("cannot sweep partition %s; what is left there is invisible", partition)
            else:
                logger.log(
                    logging.INFO if found else logging.DEBUG, "swept partition %s: %s passages", partition, found
                )

    def _begin(self, chore: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(chore)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)

    def _cancel_chores(self) -> list[asyncio.Task[None]]:
        for task in (chores := list(self._chores)):
            task.cancel()
        return chores

    async def _end_chores(self) -> None:
        if chores := self._cancel_chores():
            await asyncio.wait(chores)

    async def _finish(self, seconds: float) -> None:
        """End the chores, and let batches in flight come to their end unless one has failed: in so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._end_chores()
                if not self._failure.done():
                    await self._idle.wait()

    def _wanted(self, batch: Batch) -> bool:
        return batch.epoch == self._epoch and not self._failure.done()

    def _leave(self, batch: Batch) -> None:
        self._indexer.settle(batch)
        self._in_flight.pop(batch, None)
        if not self._in_flight:
            self._idle.set()

    async def run(self, stage: str, work: Callable[[Batch], Awaitable[None]], batch: Batch) -> bool:
        """Do a stage's work; False when the batch goes no further. A failure that nobody foresaw ends the process."""
        if not self._wanted(batch):
            self._leave(batch)
            return False
        try:
            self._in_flight[batch] = Place(stage, inside=True)
            with self._metrics.stage(stage, len(batch.records)):
                await work(batch)
            batch.passed[stage] = self._clock()
        except AbandonedError:
            self._leave(batch)
            return False
        except Exception as error:
            logger.exception("stage %s failed; the process ends and the batch will be delivered again", stage)
            self._leave(batch)
            if not self._failure.done():
                self._failure.set_exception(error)
            return False
        if batch in self._in_flight:  # the last stage has let it go
            self._in_flight[batch] = Place(_NEXT[stage])
        return True

    async def decode(self, batch: Batch) -> None:
        decode_batch(batch, self._rules, self._topics, self._earlier)

    async def plan(self, batch: Batch) -> None:
        await self._indexer.plan(batch, partial(self._wanted, batch))

    async def embed(self, batch: Batch) -> None:
        await self._indexer.embed(batch, partial(self._wanted, batch))

    async def write(self, batch: Batch) -> None:
        await self._indexer.write(batch, partial(self._wanted, batch))
        self._count(batch)

    async def announce(self, batch: Batch) -> None:
        wanted = partial(self._wanted, batch)
        batch.reinstated = await self._retry("reinstate", partial(self._reinstater.messages, batch), wanted)
        await self._retry("announce", partial(self._announcer.announce, batch), wanted)
        await self._retry("commit offsets", partial(self._consumer.commit, batch.ends, batch.again_ends), wanted)
        self._leave(batch)

    def _count(self, batch: Batch) -> None:
        now = self._clock()
        for plan in batch.plans.values():
            self._metrics.became(Outcome.SUPERSEDED, plan.newest.superseded)
            self._metrics.became(Outcome.STALE, plan.newest.stale)
            self._metrics.became(Outcome.SUPERSEDED if plan.key in batch.overtaken else plan.outcome)
            if plan.record is not None and plan.key not in batch.overtaken:
                self._metrics.searchable(now - plan.newest.event.time)
        self._metrics.became(Outcome.DEAD, len(batch.dead))
        self._metrics.became(Outcome.IGNORED, batch.ignored)
