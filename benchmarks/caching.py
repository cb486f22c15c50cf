"""Searches that are answered from the cache: how fast, how many while documents change, and what proving them costs.

Nothing is claimed about meaning, so texts and vectors are made up (benchmarks/synthetic.py), of the usual model's
dimension; Kafka, the engine, Redis, the worker and the search service are real.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
from pydantic_core import from_json
from redis.asyncio import Redis

from benchmarks.figures import Figure
from benchmarks.served import served
from benchmarks.stack import Given
from benchmarks.synthetic import PASSAGES, Library, Zipf, queries
from freshet.cli.output import warn
from freshet.local.processes import LocalPartError
from freshet.search.recent import quantile
from freshet.streams.publisher import Publisher
from tests.support.road import Process, Road
from tests.support.servers import LocalRedis, Servers

STORED: Final = 100_000  # passages
QUERIES: Final = 2_000
EXPONENT: Final = 1.1
RATE: Final = 200.0  # searches a second
EDITS: Final = 2.0  # a second, of one passage each
SECONDS: Final = 30.0  # of each stretch
CHANGES: Final = 100.0  # passages a second, while the test of hits is measured
POPULAR_RATE: Final = 40.0  # searches a second meanwhile, for a few popular queries, so that most of them hit
CLIENTS: Final = 32
HITS: Final = 6_000  # a round
ROUNDS: Final = 2  # ours and the bare one take turns
WARM: Final = 50  # queries that all clients ask
WINDOW: Final = 500
LIMIT: Final = 5


async def run(given: Given) -> list[Figure]:
    servers = Servers(given.folder)
    try:
        kafka, qdrant, redis = await asyncio.gather(
            servers.kafka("benchmark-kafka"), servers.qdrant("benchmark-qdrant"), servers.redis("benchmark-redis")
        )
        road = Road(
            bootstrap=kafka.bootstrap,
            qdrant_url=qdrant.url,
            qdrant_key=qdrant.api_key,
            log_name=lambda name: f"benchmark-{name}",
            module="benchmarks.synthetic",
            settings={
                "FRESHET_EMBEDDING__MODEL": "words",
                "FRESHET_REDIS__URL": redis.url,
                "FRESHET_SEARCH__RATE": "0",
                "FRESHET_SEARCH__RECORD_QUERIES": "off",
            },
        )
        return await _measure(road, redis, Library(STORED // PASSAGES))
    finally:
        await servers.stop()


async def _measure(road: Road, redis: LocalRedis, library: Library) -> list[Figure]:
    worker, asked = road.worker(), queries(QUERIES)
    await worker.start()
    try:
        async with road.publisher() as publisher:
            warn(f"{STORED:,} passages")
            events = library.all()
            for start in range(0, len(events), WINDOW):
                await publisher.publish_many(events[start : start + WINDOW])
            await road.all_indexed(worker, len(events), deadline=600)
            async with _search(road, redis) as service:
                warn(f"{CLIENTS} clients at once, and the same of a bare handler")
                ours, bare = await _at_once(service, redis, asked[:WARM])
            async with _search(road, redis) as service:
                warn(f"{ours:,.0f} against {bare:,.0f} a second; nothing changes")
                quiet = await service.at_rate(asked, RATE, Edits(publisher, library, 0.0))
            async with _search(road, redis) as service:
                warn(f"{EDITS:g} edits a second")
                edited = await service.at_rate(asked, RATE, Edits(publisher, library, EDITS))
                warn(f"{CHANGES:g} passages a second change")
                busy = await service.at_rate(asked[:WARM], POPULAR_RATE, Edits(publisher, library, CHANGES))
    finally:
        await worker.stop()
    warn(f"past the deadline: {quiet.late} while nothing changed, {edited.late} with edits, {busy.late} with changes")
    return figures(ours, bare, quiet, edited, busy)


@dataclass
class Asked:
    """Searches of a stretch: whether each came from the cache, what looking there took, and when edits were made."""

    cached: list[bool] = field(default_factory=list)
    tests: list[float] = field(default_factory=list)  # milliseconds of those that did
    queries: list[tuple[float, int]] = field(default_factory=list)  # when, and which
    edits: list[float] = field(default_factory=list)
    late: int = 0  # past the service's deadline

    @property
    def hits(self) -> float:
        return sum(self.cached) / (len(self.cached) + self.late)

    @property
    def hits_with_flushes(self) -> float:
        """The share if each edit had flushed everything: a query hits that was asked since the last edit."""
        known, hits, edits = set[int](), 0, iter([*self.edits, float("inf")])
        following = next(edits)
        for moment, query in self.queries:
            while moment >= following:
                known.clear()
                following = next(edits)
            hits += query in known
            known.add(query)
        return hits / len(self.queries)


def figures(ours: float, bare: float, quiet: Asked, edited: Asked, busy: Asked) -> list[Figure]:
    return [
        Figure("caching.hits_per_second", ours, "searches/s", baseline=bare),
        Figure("caching.hit_ratio_to_bare", ours / bare, "ratio", goal=">=0.7", baseline=1),
        Figure("caching.hit_rate", edited.hits, "share", baseline=quiet.hits),
        Figure("caching.hit_rate_while_edited", edited.hits / quiet.hits, "ratio", goal=">=0.9", baseline=1),
        Figure("caching.hit_rate_with_flushes", edited.hits_with_flushes / quiet.hits, "ratio", baseline=1),
        Figure("caching.test_p50", quantile(busy.tests, 0.5), "ms", baseline=quantile(quiet.tests, 0.5)),
        Figure("caching.test_p99", quantile(busy.tests, 0.99), "ms", baseline=quantile(quiet.tests, 0.99)),
    ]


@dataclass
class Edits:
    """One-passage edits, so many a second."""

    publisher: Publisher
    library: Library
    rate: float

    async def make(self, asked: Asked) -> None:
        """Until it is cancelled; an edit counts from when Kafka has it."""
        start, number = time.perf_counter(), 0
        while self.rate:
            number += 1
            await asyncio.sleep(max(0.0, start + number / self.rate - time.perf_counter()))
            await self.publisher.publish(self.library.edit())
            asked.edits.append(time.perf_counter())


@dataclass
class Service:
    """A search service that is asked."""

    session: aiohttp.ClientSession
    url: str

    async def ask(self, query: str) -> bytes:
        """Raises LocalPartError for anything but an answer."""
        async with self.session.post(f"{self.url}/search", json={"query": query, "limit": LIMIT}) as answer:
            content = await answer.read()
        if answer.status != 200:
            raise LocalPartError(f"the service answers {answer.status}: {content.decode(errors='replace')}")
        return content

    async def each(self, asked: Iterable[str]) -> None:
        for query in asked:
            await self.ask(query)

    async def at_once(self, asked: Sequence[str]) -> float:
        """Searches a second of so many clients that each ask again as soon as they are answered."""
        waiting = iter([asked[number % len(asked)] for number in range(HITS)])
        began = time.perf_counter()
        await asyncio.gather(*(self.each(waiting) for _ in range(CLIENTS)))
        return HITS / (time.perf_counter() - began)

    async def at_rate(self, asked: Sequence[str], rate: float, edits: Edits) -> Asked:
        """Ask by Zipf's law at a steady rate, whatever the answers take, while documents are edited."""
        found, draw = Asked(), Zipf(len(asked), EXPONENT, random.Random(3))

        async def one(query: int) -> None:
            try:
                answer: dict[str, Any] = from_json(await self.ask(asked[query]))
            except LocalPartError:  # more than the machine can compute at this rate
                found.late += 1
                return
            found.cached.append(answer["cached"])
            if answer["cached"]:
                found.tests.append(answer["stages"]["cache"])

        editing, start = asyncio.create_task(edits.make(found)), time.perf_counter()
        try:
            async with asyncio.TaskGroup() as tasks:
                for number in range(round(rate * SECONDS)):
                    await asyncio.sleep(max(0.0, start + number / rate - time.perf_counter()))
                    query = draw.draw()
                    found.queries.append((time.perf_counter(), query))
                    tasks.create_task(one(query))
        finally:
            editing.cancel()
            await asyncio.gather(editing, return_exceptions=True)
        return found


@asynccontextmanager
async def _search(road: Road, redis: LocalRedis) -> AsyncIterator[Service]:
    """A service that has nothing in its caches."""
    async with Redis.from_url(redis.url) as client:
        await client.flushall()
    process: Process = road.search()
    await process.start()
    try:
        async with _session() as session:
            service = Service(session, road.url)
            await service.each(["nothing of the kind"] * 20)
            yield service
    finally:
        await process.stop()


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=4 * CLIENTS))


async def _at_once(service: Service, redis: LocalRedis, asked: Sequence[str]) -> tuple[float, float]:
    """The better of some rounds, of ours and of the bare one, which has the same answers in Redis."""
    ours, theirs = [], []
    async with (
        Redis.from_url(redis.url) as client,
        served("benchmarks.bare_cache", redis.url) as url,
        _session() as session,
    ):
        for query in asked:
            await client.set(query, await service.ask(query))
        bare = Service(session, url)
        for _ in range(ROUNDS):
            await service.each(asked)
            ours.append(await service.at_once(asked))
            await bare.each(asked)
            theirs.append(await bare.at_once(asked))
    return max(ours), max(theirs)
