"""What a version of the same model holds is not embedded again for the one that is built beside it."""

from collections.abc import Collection

import numpy as np
from prometheus_client import CollectorRegistry

from freshet.schemas.decoding import Record
from freshet.schemas.errors import TransientError
from freshet.schemas.events import Event, Upsert
from freshet.schemas.positions import Order
from freshet.search.bm25 import Bm25
from freshet.search.embedding.cached import CachedEmbedder
from freshet.search.embedding.memory import MemoryEmbeddingCache
from freshet.search.embedding.metrics import EmbeddingMetrics
from freshet.search.index.records import StoredPassage
from freshet.search.passages import Recipe
from freshet.streams.batch import Batch
from freshet.streams.donor import Donor
from freshet.streams.indexer import Indexer
from freshet.streams.retry import Retry, Weather
from freshet.wiring.donor import LiveVectors
from tests.support.embedder import CountingEmbedder, vector_of
from tests.support.memory_index import MemoryIndex, Points

DOCUMENTS = {
    "short": ("Birds", "one two three"),
    "long": ("Birds", "a b c d e f g h i j k l m n o p q r s t"),
    "titled": ("a title of many words", "four five"),
}


class World:
    """A live version with a window of 16, built by nobody in particular, and one beside it."""

    def __init__(self, window: int, *, cache_bytes: int = 0) -> None:
        self.window = window
        self.live, self.built = Points(), Points()
        self.model = CountingEmbedder()
        cache, self.spent = MemoryEmbeddingCache(max_bytes=cache_bytes), EmbeddingMetrics(CollectorRegistry())
        self.embedder = CachedEmbedder(self.model, cache, self.spent)
        self.saved = 0
        self.reads: list[Collection[str]] = []
        self.is_away = False

    async def passages(self, ids: Collection[str], *, vectors: bool = False) -> dict[str, StoredPassage]:
        self.reads.append(ids)
        if self.is_away:
            raise TransientError("read passages", "connection refused")
        return await MemoryIndex(self.live).passages(ids, vectors=vectors)

    async def make_live(self) -> None:
        await index(self.live, 16, CachedEmbedder(CountingEmbedder(), MemoryEmbeddingCache(max_bytes=0), _metrics()))

    async def build(self, *, wanted: bool = True) -> None:
        windows = (16, self.window)
        donor = LiveVectors(self, self.embedder, windows=windows, wanted=lambda: wanted)  # type: ignore[arg-type]
        await index(self.built, self.window, self.embedder, donor=donor, saved=self._save)

    def _save(self, tokens: int) -> None:
        self.saved += tokens

    def check(self) -> None:
        """Every document is there, and every passage has the vector of what the model would have been given."""
        assert set(self.built.ledger) == set(DOCUMENTS)
        for each in self.built.passages.values():
            title = DOCUMENTS[each.key][0].split()[: self.window // 4]
            assert np.array_equal(each.vector, vector_of(f"{' '.join(title)}. {each.text}"))


def _metrics() -> EmbeddingMetrics:
    return EmbeddingMetrics(CollectorRegistry())


async def index(points: Points, window: int, embedder: CachedEmbedder, donor: Donor | None = None, **options) -> None:
    indexer = Indexer(
        index=MemoryIndex(points),
        embedder=embedder,
        order=Order.LOG,
        recipe=Recipe(window=window),
        text=Bm25(),
        retry=Retry(weather=Weather(), longest_wait=1),
        clock=lambda: 9.0,
        donor=donor,
        ledger_bytes=1 << 20,
        batch_tokens=1_000,
        **options,
    )
    events = {
        key: [Event(key, None, key, 0, offset, 1.0, Upsert(id=key, title=title, text=text))]
        for offset, (key, (title, text)) in enumerate(DOCUMENTS.items())
    }
    records = tuple(Record("documents", 0, offset, 1.0, key.encode(), b"{}") for offset, key in enumerate(events))
    batch = Batch(records, {0: len(records)}, {0: 0}, 0, events=events)
    for step in (indexer.plan, indexer.embed, indexer.write):
        await step(batch, lambda: True)


async def test_a_rebuild_with_the_same_model_and_an_empty_cache_embeds_nothing():
    world = World(16)
    await world.make_live()
    await world.build()
    world.check()
    assert world.model.texts == []
    assert world.saved > 0


async def test_with_another_window_only_the_passages_that_are_other_ones_are_embedded():
    """`titled` has the same passage, but the model is given less of its title."""
    world = World(12)
    await world.make_live()
    await world.build()
    world.check()
    assert not any(text.endswith("one two three") for text in world.model.texts)
    assert any("a b c" in text for text in world.model.texts)
    assert any(text.endswith("four five") for text in world.model.texts)


async def test_what_the_live_version_lent_does_not_become_what_it_is_held_against():
    world = World(16, cache_bytes=100_000)
    await world.make_live()
    for _ in range(2):
        world.built = Points()
        await world.build()
        world.check()
    assert (len(world.reads), world.model.texts) == (2, [])


async def test_a_live_version_that_does_not_answer_costs_embedding_and_nothing_else():
    world = World(16)
    await world.make_live()
    world.is_away = True
    await world.build()
    world.check()
    assert len(world.model.texts) == len(world.built.passages)
    assert world.saved == 0


async def test_once_it_is_live_itself_a_version_asks_for_nothing_any_more():
    world = World(16)
    await world.make_live()
    await world.build(wanted=False)
    world.check()
    assert world.reads == []
