"""A log, the build that the real indexer makes of it, and the forecast of that build."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry

from freshet.schemas.decoding import Record, Rules
from freshet.schemas.positions import Order
from freshet.schemas.topics import Topics
from freshet.search.bm25 import Bm25
from freshet.search.embedding.cached import CachedEmbedder
from freshet.search.embedding.memory import MemoryEmbeddingCache
from freshet.search.embedding.metrics import EmbeddingMetrics
from freshet.search.passages import Piece, Recipe, split
from freshet.streams.batch import Batch
from freshet.streams.cutting import cut, ends
from freshet.streams.decode import decode_batch
from freshet.streams.forecast.forecast import Forecast, forecast
from freshet.streams.forecast.looking import look_closely
from freshet.streams.forecast.pace import measure
from freshet.streams.forecast.rehearsal import Rehearsal
from freshet.streams.forecast.sampling import Sample
from freshet.streams.indexer import Indexer
from freshet.streams.retry import Retry, Weather
from tests.support.embedder import CountingEmbedder
from tests.support.memory_index import MemoryIndex, Points

TOPICS = Topics()
RECIPE = Recipe(window=14)
TEXT = Bm25()


@dataclass
class Built:
    """An index version, with the model and the cache that made it."""

    points: Points
    embedder: CountingEmbedder
    cache: CachedEmbedder

    @property
    def tokens(self) -> int:
        return sum(len(text.split()) for text in self.embedder.texts)


def upsert(key: str, text: str, *, title: str = "", version: int | None = None, **metadata: object) -> bytes:
    body = {"type": "upsert", "id": key, "title": title, "text": text, "metadata": metadata}
    return json.dumps(body | ({} if version is None else {"version": version})).encode()


def log_of(events: Sequence[tuple[str, bytes | None]], *, partitions: int = 1) -> list[Record]:
    """The records of a topic; a key lies in one partition."""
    next_offset = dict.fromkeys(range(partitions), 0)
    records = []
    for key, value in events:
        partition = sum(key.encode()) % partitions
        records.append(Record(TOPICS.documents, partition, next_offset[partition], 1.0, key.encode(), value))
        next_offset[partition] += 1
    return records


def cut_as_a_worker(records: Sequence[Record], *, events: int, most_bytes: int) -> list[tuple[Record, ...]]:
    fetches = [records[start : start + events] for start in range(0, len(records), events)]
    return [piece for fetch in fetches for piece in cut(fetch, max_bytes=most_bytes)]


async def build(
    records: Sequence[Record],
    *,
    order: Order = Order.LOG,
    events: int = 64,
    most_bytes: int = 20_000,
    earlier: bool = False,
) -> Built:
    """What a worker makes of the log, with the pipeline's own code; `earlier` than the build is all that came again."""
    embedder, points = CountingEmbedder(), Points()
    cache = CachedEmbedder(embedder, MemoryEmbeddingCache(), EmbeddingMetrics(CollectorRegistry()))
    index = MemoryIndex(points)
    indexer = Indexer(
        index=index,
        embedder=cache,
        order=order,
        recipe=RECIPE,
        text=TEXT,
        retry=Retry(weather=Weather(), longest_wait=1),
        clock=lambda: 1.0,
        floor=index.floor,
        ledger_bytes=1 << 20,
        batch_tokens=500,
    )
    for piece in cut_as_a_worker(records, events=events, most_bytes=most_bytes):
        of_documents, of_again = (ends(piece, topic) for topic in (TOPICS.documents, TOPICS.again))
        batch = Batch(piece, of_documents, {}, 0, again_ends=of_again)
        decode_batch(batch, Rules(order=order), TOPICS, lambda _: earlier)
        await indexer.plan(batch, lambda: True)
        await indexer.embed(batch, lambda: True)
        await indexer.write(batch, lambda: True)
    return Built(points, embedder, cache)


class Vectors:
    """Those of a cache, and of a version that was built before."""

    def __init__(self, cache: CachedEmbedder | None = None, live: Points | None = None) -> None:
        self._cache = cache
        self._live = live or Points()

    async def known(self, texts: Sequence[str]) -> list[object]:
        return list(await self._cache.known(texts)) if self._cache else [None] * len(texts)

    async def held(self, points: Mapping[str, str]) -> Collection[str]:
        return self._live.passages.keys() & points.keys()


async def foretell(
    records: Sequence[Record],
    folder: Path,
    *,
    order: Order = Order.LOG,
    sample: Sample | None = None,
    vectors: Vectors | None = None,
    events: int = 64,
    most_bytes: int = 20_000,
) -> Forecast:
    """The forecast of `build`."""
    embedder, sample = CountingEmbedder(), Sample() if sample is None else sample

    def pieces(title: str, text: str) -> list[Piece]:
        return split(title, text, RECIPE, embedder.token_ends)

    with Rehearsal(
        folder / "ledger",
        rules=Rules(order=order),
        topics=TOPICS,
        sample=sample,
        batch_bytes=most_bytes,
    ) as rehearsal:
        for start in range(0, len(records), events):
            rehearsal.add(records[start : start + events])
    looks = await look_closely(
        sample.documents,
        split=pieces,
        text=TEXT,
        vectors=vectors or Vectors(),
        most=1_000,
        advance=lambda _: None,
    )
    measured = await measure(embedder, looks.unknown, advance=lambda _: None)
    return forecast(rehearsal.totals, looks, measured, model=embedder.model, read_seconds=1.0, build=None)
