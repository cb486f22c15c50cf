"""A run from its first event to its verdict."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import math
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from qdrant_client import AsyncQdrantClient

from freshet.schemas.topics import Topics, topic_specs
from freshet.search.index.qdrant.client import connect
from freshet.search.index.qdrant.writer import QdrantWriter
from freshet.streams.sweep import sweep
from tests.chaos.caretaker import take_care
from tests.chaos.compare import Difference, Found, compare, compare_letters, read_collection
from tests.chaos.events import MAX_BYTES, Upstream, documents, filler
from tests.chaos.fold import Fold, Logged, fold
from tests.chaos.kafka import compact, publish, read_log
from tests.chaos.outages import ServerFaults
from tests.chaos.pace import Pace
from tests.chaos.readers import Reader, Watermarks, wrongs
from tests.chaos.schedule import Fault, Step
from tests.chaos.stage import DEADLINE, PARTITIONS, Stage
from tests.chaos.verdict import Verdict
from tests.chaos.workers import WorkerFaults
from tests.support.embedder import DIMENSION
from tests.support.waiting import wait_until

logger = logging.getLogger(__name__)
READERS: Final = 2
BURST: Final = 20
BURST_SECONDS: Final = 0.05
DOCUMENTS_A_HUNDRED_EVENTS: Final = 6


class Performance:
    """One run on a stage that is set up."""

    def __init__(self, stage: Stage, *, seed: int, events: int, steps: list[list[Step]]) -> None:
        self.verdict = Verdict(seed, stage.order.value)
        self._stage = stage
        self._topic = stage.road.topic
        self._steps = steps
        self._documents = documents(events * DOCUMENTS_A_HUNDRED_EVENTS // 100, tenants=stage.tenants)
        self._half = events // 2
        self._upstream = Upstream(seed, self._documents, stage.order)
        self._pace = Pace(events, len(steps))
        self._workers = WorkerFaults(stage, self._pace)
        self._servers = ServerFaults(stage)
        self._watermarks = Watermarks(stage.kafka.bootstrap, f"{self._topic}.indexed", PARTITIONS)
        self._readers: list[Reader] = []
        self._log: dict[tuple[int, int], Logged] = {}

    async def play(self) -> Verdict:
        """Do everything, and judge it."""
        started = time.monotonic()
        logger.info("the run begins")
        await self._workers.start_workers(2)
        async with self._reading():
            await self._publish_and_break()
            logger.info("all is published")
            await self._caught_up()
        logger.info("caught up")
        await self._workers.end_workers()
        result = await self._fold()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._judge(result))
            tasks.create_task(self._rebuild())
        verdict = self.verdict
        self._count_faults()
        verdict.seconds = round(time.monotonic() - started, 1)
        return verdict

    def _count_faults(self) -> None:
        verdict, workers, servers = self.verdict, self._workers, self._servers
        verdict.faults = {fault.value: (workers.done + servers.done)[fault] for fault in Fault}
        verdict.faults |= {"rebalances": workers.rebalances, "zombies with late writes": workers.late_zombies}
        verdict.late_writes = dict(workers.late)
        verdict.troubled = servers.troubled
        verdict.died = workers.died

    async def _publish_and_break(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            publishing = tasks.create_task(self._publish())
            async with asyncio.TaskGroup() as lanes:
                lanes.create_task(self._break(0, self._workers.do))
                lanes.create_task(self._break(1, self._servers.do))
                lanes.create_task(self._take_care())
            self._servers.calm()
            self._pace.over = True
            await publishing

    async def _break(self, lane: int, do: Callable[[Step], Awaitable[None]]) -> None:
        steps = self._steps[lane]
        for step, following in itertools.zip_longest(steps, steps[1:]):
            self._pace.limits[lane] = following.at if following else math.inf
            await self._pace.reach(step.at)
            await do(step)

    async def _take_care(self) -> None:
        await self._pace.reach(self._half)
        await take_care(self._stage)

    async def _publish(self) -> None:
        """Publish, but never so fast that the last fault would find nothing going on."""
        bootstrap = self._stage.kafka.bootstrap
        async with AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True) as producer:
            while await self._pace.more():
                next_ = self._upstream.next_back if self._pace.overtaking else self._upstream.next
                burst = [next_() for _ in range(BURST)]
                await publish(producer, self._topic, burst)
                self._pace.count += len(burst)
                await asyncio.sleep(BURST_SECONDS)

    @contextlib.asynccontextmanager
    async def _reading(self) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            for number in range(READERS):
                client = await stack.enter_async_context(self._stage.road.client())
                rng = random.Random(f"{self.verdict.seed} {number}")
                self._readers.append(Reader(client, self._watermarks, self._documents, rng))
            tasks = [asyncio.create_task(self._watermarks.follow())]
            tasks += [asyncio.create_task(reader.read()) for reader in self._readers]
            try:
                yield
                for task in tasks:
                    assert not task.done(), task.exception()
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _caught_up(self, index: str | None = None) -> None:
        group = self._stage.group(index)

        async def done() -> bool:
            try:
                return await group.lag(self._topic, f"{self._topic}.again") == 0
            except KafkaError:
                return False

        await wait_until(done, "the worker has caught up", deadline=DEADLINE)

    async def _fold(self) -> Fold:
        """Of everything that ever lay in the log, whatever compaction left of it."""
        records = await read_log(self._stage.kafka.bootstrap, self._topic)
        self._log |= {(record.partition, record.offset): record for record in records}
        log = [self._log[place] for place in sorted(self._log)]
        return fold(log, self._stage.order, max_bytes=MAX_BYTES, tenants=self._stage.tenants)

    async def _judge(self, result: Fold) -> None:
        """The index against the fold, once it was swept; then every answer, and the dead letters."""
        verdict = self.verdict
        verdict.events = sum(len(records) for records in result.records.values())
        await self._sweep(result)
        letters = await self._stage.road.records(f"{self._topic}.dead-letters")
        found = [*compare(result, await self._found()), *compare_letters(result, letters, self._topic)]
        verdict.take(found, result, verdict.index)
        answers = [answer for reader in self._readers for answer in reader.answers]
        wrong = [
            Difference(each.what, each.key, each.expected, each.found)
            for answer in answers
            for each in wrongs(answer, result)
        ]
        verdict.take(wrong, result, verdict.answers)
        verdict.searches = len(answers)
        verdict.refused_searches = sum(reader.errors for reader in self._readers)
        logger.info("judged")

    async def _sweep(self, result: Fold) -> None:
        """As the next owner of each partition would; what it leaves behind is a difference."""
        ends = Counter[int]()
        for records in result.records.values():
            for record in records:
                ends[record.partition] = max(ends[record.partition], record.offset + 1)
        async with self._client() as client:
            writer = QdrantWriter(client, collection=self._stage.identity().version, dimension=DIMENSION)
            for partition, end in ends.items():
                await sweep(writer, partition, below=end)

    async def _rebuild(self) -> None:
        """A second index, from what compaction leaves of the log, must be the fold of the whole log, too."""
        spec = topic_specs(Topics(self._topic), partitions=PARTITIONS, max_event_bytes=MAX_BYTES)[0]
        fillers = [filler(each, tenants=self._stage.tenants) for each in range(PARTITIONS)]
        await compact(self._stage.kafka.bootstrap, spec, fillers)
        another = f"{self._stage.index}-2"
        worker = self._stage.road.worker(FRESHET_INDEX=another)
        logger.info("compacted")
        result = await self._fold()
        try:
            await worker.start()
            await self._caught_up(another)
        finally:
            await worker.kill()
        found = await self._found(another)
        # Of strays a rebuild knows only what it meets first, for it reads all partitions at once.
        differences = [each for each in compare(result, found) if each.key.encode() not in result.strays]
        self.verdict.take(differences, result, self.verdict.rebuild)

    async def _found(self, index: str | None = None) -> Found:
        async with self._client() as client:
            return await read_collection(client, self._stage.identity(index).version)

    @contextlib.asynccontextmanager
    async def _client(self) -> AsyncIterator[AsyncQdrantClient]:
        """Of the engine itself, past the proxy."""
        client = connect(self._stage.qdrant.url, api_key=self._stage.qdrant.api_key)
        try:
            yield client
        finally:
            await client.close()
