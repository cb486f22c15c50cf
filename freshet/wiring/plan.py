"""What building the version that the settings describe will take, found out with everything that takes part in it."""

from __future__ import annotations

import asyncio
import operator
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from prometheus_client import CollectorRegistry

from freshet.schemas.topics import Topics
from freshet.search.embedding.base import Embedder
from freshet.search.embedding.cached import CachedEmbedder
from freshet.search.embedding.metrics import EmbeddingMetrics
from freshet.search.index.base import VersionInfo
from freshet.search.index.differences import Difference, Part, differences
from freshet.search.index.facts import State, state_of
from freshet.search.index.identity import Identity, lends_vectors
from freshet.search.index.qdrant.lookup import Lookup
from freshet.search.index.qdrant.versions import QdrantVersions
from freshet.search.index.records import Vector
from freshet.search.passages import Recipe, split
from freshet.settings import Settings
from freshet.streams.forecast.forecast import Build, Forecast, forecast
from freshet.streams.forecast.looking import look_closely
from freshet.streams.forecast.pace import MOST_TEXTS, measure
from freshet.streams.forecast.rehearsal import Rehearsal, Totals
from freshet.streams.forecast.sampling import Sample
from freshet.streams.kafka.consumer import FETCH_BYTES
from freshet.streams.kafka.reader import KafkaReader
from freshet.wiring.parts import demand_redis, identity, kafka_connection, load_model, qdrant_client, with_cache

Showing = AbstractContextManager[Callable[[int], None]]
Bar = Callable[[str, int | None], Showing]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be built. `state` is that of the version, None where it is not there yet.

    There is a forecast where the version is not live.
    """

    version: str
    live: str | None
    state: State | None
    differences: Sequence[Difference]
    usd_per_million_tokens: float
    forecast: Forecast | None

    @property
    def demands_generation(self) -> bool:
        """Whether the settings name what the live version cannot follow, and yet no other version."""
        return self.state is State.LIVE and any(each.part is Part.TOPIC for each in self.differences)


class Vectors(NamedTuple):
    """The model, and where its vectors are: in the embedding cache, and in a live version by the same model.

    The points of a document have the same names whatever is before its texts when they are embedded, so those of
    another window count only where its title is cut alike.
    """

    model: Embedder
    cached: CachedEmbedder
    live: Lookup | None
    recipes: tuple[Recipe, Recipe]

    async def known(self, texts: Sequence[str]) -> list[Vector | None]:
        return await self.cached.known(texts)

    async def held(self, points: Mapping[str, str]) -> Collection[str]:
        if self.live is None:
            return ()
        alike = {title: self._is_cut_alike(title) for title in set(points.values())}
        return await self.live.passages([point for point, title in points.items() if alike[title]])

    def _is_cut_alike(self, title: str) -> bool:
        """Whether the same stands before the passages under this title in both."""
        ours, theirs = self.recipes
        before = (split(title, "", recipe, self.model.token_ends) for recipe in (ours, theirs))
        return ours == theirs or operator.eq(*before)


async def plan(settings: Settings, *, bar: Bar, load: Callable[[Settings], Embedder] = load_model) -> Plan:
    """Look at everything and change nothing. Raises what Kafka, Qdrant, Redis and the model raise.

    The model is given some texts, to measure it; their vectors are not kept.
    """
    async with AsyncExitStack() as stack:
        await demand_redis(settings)
        model, spent = await asyncio.to_thread(load, settings), EmbeddingMetrics(CollectorRegistry())
        embedder = with_cache(model, settings, spent, stack, redis_timeout=settings.redis.worker_timeout_seconds)
        wanted, client = identity(settings, embedder.model), qdrant_client(settings, stack)
        versions = QdrantVersions(client, index=settings.index, fields=settings.fields)
        name = await versions.live()
        live, own = await versions.describe(name) if name else None, await versions.describe(wanted.version)
        lookup = Lookup(client, collection=live.name) if live and lends_vectors(live, wanted) else None
        vectors = Vectors(model, embedder, lookup, (wanted.recipe, _recipe(live, wanted)))
        state = state_of(own, live) if own else None
        return Plan(
            version=wanted.version,
            live=name,
            state=state,
            differences=await _differences(settings, wanted, versions, live) if live else [],
            usd_per_million_tokens=embedder.model.usd_per_million_tokens,
            forecast=None if state is State.LIVE else await _forecast(settings, wanted, vectors, live, bar),
        )


def _recipe(live: VersionInfo | None, wanted: Identity) -> Recipe:
    return Recipe(live.metadata.get("window", wanted.recipe.window)) if live else wanted.recipe


async def _differences(
    settings: Settings, wanted: Identity, versions: QdrantVersions, live: VersionInfo
) -> list[Difference]:
    fields = await versions.undeclared(live.name)
    return differences(wanted, live, topic=settings.topics.documents, fields=fields)


async def _forecast(
    settings: Settings, wanted: Identity, vectors: Vectors, live: VersionInfo | None, bar: Bar
) -> Forecast:
    sample, began = Sample(), time.perf_counter()
    totals = await _rehearse(settings, sample, bar)
    read_seconds = time.perf_counter() - began
    cut = partial(split, recipe=wanted.recipe, token_ends=vectors.model.token_ends)
    with bar("looking at a sample", len(sample)) as advance:
        looks = await look_closely(
            sample.documents, split=cut, text=wanted.text, vectors=vectors, most=MOST_TEXTS, advance=advance
        )
    with bar("measuring the model", len(looks.unknown)) as advance:
        measured = await measure(vectors.model, looks.unknown, advance=advance)
    build = Build.of(live.metadata) if live else None
    return forecast(totals, looks, measured, model=wanted.model, read_seconds=read_seconds, build=build)


async def _rehearse(settings: Settings, sample: Sample, bar: Bar) -> Totals:
    """Read both topics to their ends of now, as one worker would read them.

    What came again is read first: there is so little of it that a worker meets it before most of the rest, too.
    """
    connection, topics = kafka_connection(settings, "plan"), Topics(settings.topics.documents)
    with TemporaryDirectory(prefix="freshet-plan-") as folder:
        make = partial(Rehearsal, Path(folder) / "ledger", rules=settings.rules, topics=topics, sample=sample)
        with make(batch_bytes=settings.worker.batch_bytes) as rehearsal:
            for topic in (topics.again, topics.documents):
                most = settings.worker.batch_events
                async with KafkaReader(connection, topic, most=most, fetch_bytes=FETCH_BYTES) as reader:
                    await _read(reader, rehearsal, partial(bar, f"reading {topic}"))
            return rehearsal.totals


async def _read(reader: KafkaReader, rehearsal: Rehearsal, bar: Callable[[int], Showing]) -> None:
    spans = await reader.spans()
    with bar(sum(map(len, spans.values()))) as advance:
        async for records in reader.read(spans):
            await asyncio.to_thread(rehearsal.add, records)
            advance(len(records))
