"""A run: documents change, readers ask the same questions over and over, and whatever may fail does."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from freshet import Publisher
from freshet.schemas.decoding import Record, Rules, decode
from freshet.schemas.errors import OutsideError
from freshet.schemas.events import Upsert
from freshet.schemas.http import SearchAnswer
from freshet.schemas.positions import FreshnessToken
from tests.chaos.caching.stage import CacheStage, Service
from tests.chaos.caching.truth import Answered, Logged, Truth, alike
from tests.chaos.caching.upstream import Upstream, body_of, questions
from tests.chaos.kafka import read_log
from tests.support.scale import SOAK
from tests.support.waiting import wait_until

READERS: Final = 4
QUESTIONS: Final = 24
EVENT_SECONDS: Final = 0.15  # between two events, on average
PHASE_SECONDS: Final = 30.0 if SOAK else 4.0  # between two quiet points
FAULT_SECONDS: Final = 0.7
DEADLINE: Final = 60.0
logger = logging.getLogger(__name__)


@dataclass
class Findings:
    """What was counted, and what was wrong."""

    answers: int = 0
    cached: int = 0
    refused: int = 0
    compared: int = 0
    compared_cached: int = 0
    judged: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    @property
    def line(self) -> str:
        told = {name: value for name, value in vars(self).items() if name != "wrong"}
        return json.dumps({**told, "wrong": len(self.wrong)})


class CacheRun:
    """One run on a stage that is set up."""

    def __init__(self, stage: CacheStage, *, seed: int) -> None:
        self.findings = Findings()
        self._stage = stage
        self._rng = random.Random(f"faults {seed}")
        self._upstream = Upstream(seed)
        self._questions = [body_of(each) for each in questions(seed, QUESTIONS)]
        self._truth = Truth()
        self._answers: list[Answered] = []
        self._given = 0
        self._numbers: dict[tuple[int, int], int] = {}
        self._faults: dict[str, Callable[[], Awaitable[None]]] = {
            "worker killed": self._kill_worker,
            "search killed": self._kill_search,
            "redis flushed": stage.flush_redis,
            "redis saved": stage.save_redis,
            "redis from a dump": partial(stage.restart_redis, empty=False),
            "redis empty": partial(stage.restart_redis, empty=True),
            "kafka paused": self._pause_kafka,
        }

    async def play(self, answers: int) -> None:
        """Until so many cached answers were given."""
        async with self._stage.road.publisher() as publisher:
            while self.findings.cached < answers and not self.findings.wrong:
                async with self._asking(), self._publishing(publisher):
                    await self._break(PHASE_SECONDS)
                await self._quiet()
                await self._judge()

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[None]:
        readers = [random.Random(f"reader {number} {self._given}") for number in range(READERS)]
        async with _while(*(self._read(each) for each in readers)):
            yield

    async def _read(self, rng: random.Random) -> None:
        while True:
            service, question = rng.choice(self._stage.services), rng.choice(self._questions)
            answer = await self._ask(service, question)
            if answer is None:
                await asyncio.sleep(0.05)
                continue
            self.findings.answers += 1
            self.findings.cached += answer.cached
            self._answers.append(Answered(question, answer, self._given))

    async def _ask(self, service: Service, question: str) -> SearchAnswer | None:
        try:
            return await service.client.search(**json.loads(question))
        except OutsideError:
            self.findings.refused += 1
            return None

    @asynccontextmanager
    async def _publishing(self, publisher: Publisher) -> AsyncIterator[None]:
        """Events, one after the other; the one that is under way at the end is finished."""
        going = asyncio.Event()
        going.set()

        async def publish() -> None:
            while going.is_set():
                event = self._upstream.next()
                self._given += 1
                number = self._given
                await asyncio.sleep(self._rng.expovariate(1 / EVENT_SECONDS))
                token = await _published(publisher, event)
                self._numbers[token.partition, token.offset] = number

        task = asyncio.create_task(publish())
        try:
            yield
        finally:
            going.clear()
            await task

    async def _break(self, seconds: float) -> None:
        """Fault after fault."""
        end = asyncio.get_running_loop().time() + seconds
        while (left := end - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(min(left, self._rng.uniform(0, 2 * FAULT_SECONDS)))
            name = self._rng.choice(list(self._faults))
            logger.info("%s", name)
            await self._faults[name]()
            self.findings.faults[name] += 1

    async def _kill_worker(self) -> None:
        worker = self._rng.choice(self._stage.workers)
        await worker.kill()
        worker.spawn()

    async def _kill_search(self) -> None:
        process = self._rng.choice(self._stage.services).process
        await process.kill()
        process.spawn()

    async def _pause_kafka(self) -> None:
        process = self._stage.kafka.process
        process.pause()
        try:
            await asyncio.sleep(self._rng.choice((0.2, 0.5, 1.0, 6.0)))
        finally:
            process.resume()

    async def _quiet(self) -> None:
        """When all is indexed and told, a cached answer is what a search without a cache says."""
        before = await self._all_told()
        while True:
            wrong = await self._unlike_fresh_ones()
            after = await self._all_told()
            if before == after:  # else terms were weighed anew meanwhile, and some answers were from before
                self.findings.wrong += wrong
                return
            before = after

    async def _unlike_fresh_ones(self) -> list[str]:
        wrong = []
        for question in self._questions:
            fresh = await self._ask(self._stage.reference, question)
            for service in self._stage.services:
                answer = await self._ask(service, question)
                if answer is None or fresh is None:
                    continue
                self.findings.compared += 1
                self.findings.compared_cached += answer.cached
                if not alike(answer, fresh) or answer.facets != fresh.facets:
                    wrong.append(f"{question}: {answer!r} is not {fresh!r}")
        return wrong

    async def _all_told(self) -> object:
        """Wait until every search process has seen the end of the log, and all weigh terms alike; by which numbers."""
        log = await read_log(self._stage.kafka.bootstrap, self._stage.road.topic)
        ends: dict[int, int] = {}
        for each in log:
            ends[each.partition] = max(each.offset + 1, ends.get(each.partition, 0))
        asked = {"query": "quiet", "mode": "sparse", "explain": True}

        numbers = set[int | None]()

        async def told() -> bool:
            numbers.clear()
            for service in (*self._stage.services, self._stage.reference):
                answer = await self._ask(service, json.dumps(asked))
                if answer is None or any(answer.index.watermarks.get(p, 0) < end for p, end in ends.items()):
                    return False
                if answer.degraded:
                    return False
                numbers.add(None if answer.query is None else answer.query.statistics)
            return len(numbers) == 1

        await wait_until(told, "every search process knows the whole log", deadline=DEADLINE)
        return set(numbers)

    async def _judge(self) -> None:
        """Every answer since the last time."""
        records = await read_log(self._stage.kafka.bootstrap, self._stage.road.topic)
        topic, rules = self._stage.road.topic, Rules()
        log = []
        for each in records:
            record = Record(topic, each.partition, each.offset, 0.0, each.key, each.value)
            number = self._numbers.get((each.partition, each.offset), 0)
            log.append(Logged(each.partition, each.offset, number, decode(record, rules)))
        self._truth.read(log)
        answers, self._answers = self._answers, []
        for number, answered in enumerate(answers):
            if (wrong := await self._truth.wrong(answered)) is not None:
                cached = "cached" if answered.answer.cached else "computed"
                self.findings.wrong.append(f"{cached} {answered.question}: {wrong}")
            if number % 50 == 0:
                await asyncio.sleep(0)
        self.findings.judged = self._truth.judged


@dataclass
class Tokens:
    """Of those who publish and ask with the token: how often the event was seen, and how often told to be missing."""

    seen: int = 0
    late: int = 0
    cached: int = 0
    refused: int = 0
    wrong: list[str] = field(default_factory=list)


async def read_what_was_written(stage: CacheStage, times: int, *, writers: int = 6) -> Tokens:
    """Publish, and ask any search process at once with the token, so many times in all."""
    tokens, left = Tokens(), iter(range(times))

    async def write(writer: int, publisher: Publisher) -> None:
        rng, key = random.Random(f"writer {writer}"), f"w{writer}"
        for number in left:
            metadata = {"doc": key, "kind": "harbour", "edition": number}
            token = await _published(
                publisher, Upsert(id=key, title="Mine", text=f"Edition {number}.", metadata=metadata)
            )
            asked: dict[str, Any] = {
                "query": "mine",
                "mode": rng.choice(("dense", "sparse", "hybrid")),
                "filters": {"must": [{"key": "metadata.doc", "match": {"value": key}}]},
                "fresh_after": str(token),
                "wait_ms": 5_000,
            }
            try:
                answer = await rng.choice(stage.services).client.search(**asked)
            except OutsideError:
                tokens.refused += 1
                continue
            tokens.cached += answer.cached
            if answer.pending:
                tokens.late += 1
            elif [result.metadata["edition"] for result in answer.results] == [number]:
                tokens.seen += 1
            else:
                tokens.wrong.append(f"{token}, edition {number}: {answer!r}")

    async with stage.road.publisher() as publisher, asyncio.TaskGroup() as tasks:
        for writer in range(writers):
            tasks.create_task(write(writer, publisher))
    return tokens


async def _published(publisher: Publisher, event: Any) -> FreshnessToken:
    """Once Kafka has it; it may then lie there twice."""
    while True:
        try:
            return await publisher.publish(event)
        except OutsideError:
            await asyncio.sleep(0.1)


@asynccontextmanager
async def _while(*works: Any) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
        for task in tasks:
            assert not task.done(), task.exception()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
