"""Building a version: from nothing, again with the vectors that are there, and what was forecast of another recipe.

Kafka, the engine, the worker and the build run as processes of their own. Entries are documents of the corpus as they
are; articles are neighbours joined, which have the length that articles have. Rates are taken from the committed
offsets between the first commit and the last, so the start of a process is in none of them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import Any, Final

import aiohttp

from benchmarks import commands
from benchmarks.corpus import Event, take
from benchmarks.figures import Figure
from benchmarks.searching import Client, new_queries
from benchmarks.stack import TOPIC, Given, new_stack
from freshet.cli.output import warn
from freshet.local.processes import LOOPBACK, LocalPartError, free_port
from freshet.local.stack import START_SECONDS, LocalStack
from freshet.search.index.facts import group_of
from freshet.search.index.qdrant.client import connect
from freshet.search.index.qdrant.versions import QdrantVersions
from freshet.search.recent import quantile
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.offsets import KafkaOffsets
from freshet.streams.publisher import Publisher

PARTS: Final = 10  # documents of the corpus in an article, which is then some 500 words long
SEARCHES: Final = 200
OTHER_WINDOW: Final = "64"  # tokens of a passage, in the recipe that is forecast
LOOK_SECONDS: Final = 0.02
BUILD: Final = ("replay", "run", "--until-caught-up")


async def run(given: Given) -> list[Figure]:
    events = take(given.corpus, given.documents)
    async with new_stack(given, "rebuild") as stack:
        await stack.start_servers()
        figures = []
        for name, published in (("entries", events[: len(events) // 2]), ("articles", articles(events))):
            async with opened(stack, name) as place:
                figures += await stack.guard(_measure(place, published))
        return figures


def articles(events: Sequence[Event]) -> list[Event]:
    """Neighbours joined, so many in each."""
    parts = [events[start : start + PARTS] for start in range(0, len(events) - PARTS + 1, PARTS)]
    return [{**first, "text": "\n\n".join(each["text"] for each in (first, *rest))} for first, *rest in parts]


@dataclass(frozen=True)
class Place:
    """An index and a topic of their own."""

    stack: LocalStack
    name: str
    versions: QdrantVersions
    offsets: KafkaOffsets

    @property
    def topic(self) -> str:
        return f"{TOPIC}.{self.name}"

    def settings(self, **more: str) -> dict[str, str]:
        return {"FRESHET_INDEX": self.name, "FRESHET_TOPICS__DOCUMENTS": self.topic, **more}

    async def run(self, *arguments: str, **settings: str) -> commands.Ran:
        return await commands.run(self.stack, *arguments, **self.settings(**settings))

    async def rate(self, events: int, known: Sequence[str]) -> float:
        """Events a second of the version that is not yet `known`, from its first commit to its last."""
        first, began = await self._until(1, known), time.perf_counter()
        await self._until(events, known)
        return (events - first) / (time.perf_counter() - began)

    async def done(self, events: int) -> None:
        """Wait until the only version has committed so many events."""
        await self._until(events, known=())

    async def _until(self, events: int, known: Sequence[str]) -> int:
        """How many events the version that is not `known` has committed, once they are so many."""
        while True:
            for name in {*await self.versions.names()} - {*known}:
                positions = await self.offsets.positions(self.topic, group_of(self.name, name))
                if (done := sum(each.committed or 0 for each in positions)) >= events:
                    return done
            await asyncio.sleep(LOOK_SECONDS)

    async def drop_all_but_live(self) -> None:
        live = await self.versions.live()
        for name in await self.versions.names():
            if name != live:
                await self.versions.drop(name)


@asynccontextmanager
async def opened(stack: LocalStack, name: str) -> AsyncIterator[Place]:
    client = connect(stack.qdrant.url, api_key=stack.qdrant.api_key)
    try:
        async with KafkaOffsets(KafkaConnection(stack.kafka.bootstrap, client_id="freshet-benchmark")) as offsets:
            yield Place(stack, name, QdrantVersions(client, index=name), offsets)
    finally:
        await client.close()


async def _measure(place: Place, events: Sequence[Event]) -> list[Figure]:
    await place.run("topics", "create")
    async with Publisher(place.stack.kafka.bootstrap, topic=place.topic) as publisher:
        await publisher.publish_many(list(events))
    warn(f"{place.name}: from nothing")
    async with commands.command(place.stack, "worker", **place.settings()):
        cold = await place.rate(len(events), known=())
    warn(f"  {cold:,.1f} events/s")
    warn(f"{place.name}: again, with the vectors of the live version")
    warm, built = await _built(place, len(events), FRESHET_GENERATION="2")
    warn(f"  {warm:,.1f} events/s, {built['tokens']:,} tokens embedded")
    warn(f"{place.name}: with another window")
    window = {"FRESHET_EMBEDDING__WINDOW": OTHER_WINDOW}
    forecast = (await place.run("replay", "plan", "--json", **window)).json["forecast"]["tokens"]["to_embed"]["value"]
    async with searching(place) as service:
        queries = new_queries(events)
        idle = await service.one_by_one(islice(queries, SEARCHES))
        building = asyncio.create_task(_built(place, len(events), **window))
        busy = await service.one_by_one(takewhile(lambda _: not building.done(), queries))
        _, other = await building
    warn(f"  {other['tokens']:,} tokens embedded, {forecast:,.0f} were forecast")
    return figures(place.name, Measured(cold, warm, built["tokens"], forecast, other["tokens"], idle, busy))


@asynccontextmanager
async def searching(place: Place) -> AsyncIterator[Client]:
    """A search service of this index, once it answers."""
    port = free_port()
    settings = place.settings(FRESHET_SEARCH__PORT=str(port), FRESHET_EMBEDDING__THREADS="1")
    async with commands.command(place.stack, "search", **settings), aiohttp.ClientSession() as session:
        service = Client(session, f"http://{LOOPBACK}:{port}")
        async with asyncio.timeout(START_SECONDS):
            while True:
                with suppress(aiohttp.ClientError, LocalPartError):
                    await service.ask("ready")
                    break
                await asyncio.sleep(LOOK_SECONDS)
        yield service


async def _built(place: Place, events: int, **settings: str) -> tuple[float, Mapping[str, Any]]:
    """Build the version of these settings: its rate, and what is recorded of the build."""
    before = await place.versions.names()
    measuring = asyncio.create_task(place.rate(events, before))
    try:
        await place.run(*BUILD, **settings)
        rate = await measuring
    finally:
        measuring.cancel()
    (name,) = {*await place.versions.names()} - {*before}
    info = await place.versions.describe(name)
    if info is None:
        raise LocalPartError(f"{name} is gone")
    return rate, info.metadata["build"]


@dataclass(frozen=True, slots=True)
class Measured:
    """Events a second, and tokens: of the rebuild with the same model, and of another recipe as forecast and taken.

    Then the seconds of searches, before the build of that recipe and during it.
    """

    cold: float
    warm: float
    warm_tokens: int
    forecast: float
    taken: int
    idle: Sequence[float]
    busy: Sequence[float]


def figures(name: str, found: Measured) -> list[Figure]:
    idle, busy = (1_000 * quantile(seconds, 0.95) for seconds in (found.idle, found.busy))
    return [
        Figure(f"rebuild.{name}_cold_per_second", found.cold, "events/s"),
        Figure(f"rebuild.{name}_warm_per_second", found.warm, "events/s", baseline=found.cold),
        Figure(f"rebuild.{name}_warm_ratio_to_cold", found.warm / found.cold, "ratio", ">=20", 1),
        Figure(f"rebuild.{name}_warm_tokens", found.warm_tokens, "tokens", "<=0"),
        Figure(f"rebuild.{name}_forecast_tokens", found.forecast, "tokens", None, found.taken),
        Figure(f"rebuild.{name}_forecast_error", abs(found.forecast / found.taken - 1), "share", "<=0.02"),
        Figure(f"rebuild.{name}_search_p95", busy, "ms", None, idle),
    ]
