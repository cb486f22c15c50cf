"""An embedder with a cache before it: what is asked of the model, and what is counted."""

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from freshet.schemas.errors import PermanentError
from freshet.search.embedding.base import Embedded, Model, Purpose
from freshet.search.embedding.cache import CachedVector, cache_key
from freshet.search.embedding.cached import CachedEmbedder
from freshet.search.embedding.memory import MemoryEmbeddingCache
from freshet.search.embedding.metrics import EmbeddingMetrics
from tests.support.embedder import CountingEmbedder, vector_of


class PricedEmbedder(CountingEmbedder):
    @property
    def model(self) -> Model:
        return Model("test", "digest", 8, 32, usd_per_million_tokens=20)


class House:
    def __init__(self, *, poison: str | None = None) -> None:
        self.registry = CollectorRegistry()
        self.model = PricedEmbedder(poison=poison)
        self.cache = MemoryEmbeddingCache()
        self.embedder = CachedEmbedder(self.model, self.cache, EmbeddingMetrics(self.registry))

    async def embed(self, *texts: str, purpose: Purpose = "index") -> Embedded:
        return await self.embedder.embed(texts, purpose=purpose)

    def count(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


@pytest.fixture
def house() -> House:
    return House()


async def test_a_known_text_is_not_embedded_again(house: House):
    first = await house.embed("one text", "two")
    second = await house.embed("two", "one text")
    assert house.model.texts == ["one text", "two"]
    assert np.array_equal(first.vectors[::-1], second.vectors)
    assert (first.tokens, second.tokens) == (3, 0)


async def test_equal_texts_in_a_call_are_embedded_once(house: House):
    embedded = await house.embed("same", "other", "same", "same")
    assert house.model.texts == ["same", "other"]
    assert np.array_equal(embedded.vectors, [vector_of(text) for text in ("same", "other", "same", "same")])


async def test_of_each_text_it_is_told_what_it_took_now(house: House):
    await house.embed("known before")
    embedded = await house.embed("new", "known before", "new", "another one")
    assert embedded.shares == [1, 0, 0, 2]
    assert embedded.tokens == 3


async def test_known_and_unknown_texts_keep_their_places(house: House):
    await house.embed("b", "d")
    embedded = await house.embed("a", "b", "c", "d")
    assert house.model.texts == ["b", "d", "a", "c"]
    assert np.array_equal(embedded.vectors, [vector_of(text) for text in "abcd"])


async def test_a_query_and_a_passage_of_the_same_text_are_kept_apart(house: House):
    await house.embed("text")
    await house.embed("text", purpose="query")
    assert house.model.texts == ["text", "text"]


async def test_another_model_does_not_find_the_vectors_of_this_one():
    models = [
        Model("p", "m", 8, 32),
        Model("p", "n", 8, 32),
        Model("p", "m", 9, 32),
        Model("p", "m", 8, 32, variant="int8"),
    ]
    assert len({cache_key(model, "index", "text") for model in models}) == len(models)
    assert cache_key(models[0], "index", "text") == cache_key(Model("other", "m", 8, 64), "index", "text")


async def test_a_cached_vector_of_another_length_is_a_miss(house: House):
    key = cache_key(house.model.model, "index", "text")
    await house.cache.put_many({key: CachedVector(np.ones(3, np.float32), 1)})
    assert np.array_equal((await house.embed("text")).vectors, [vector_of("text")])


async def test_hits_misses_tokens_and_money_are_counted(house: House):
    await house.embed("one text", "one text", "three little words")
    await house.embed("one text", "new", purpose="index")
    await house.embed("a query", purpose="query")
    labels = {"provider": "test", "model": "digest"}
    assert house.count("embedding_cache_hits_total") == 2
    assert house.count("embedding_cache_misses_total") == 4
    assert house.count("freshet_embedding_tokens_total", **labels, purpose="index") == 6
    assert house.count("freshet_embedding_tokens_total", **labels, purpose="query") == 2
    assert house.count("freshet_embedding_cost_usd_total", **labels, purpose="index") == pytest.approx(6 * 20e-6)
    # The model reports one number for a call; the texts share it by their length.
    assert house.count("freshet_embedding_saved_tokens_total") == 4


async def test_what_is_saved_again_is_all_that_was_paid(house: House):
    texts = [f"{'word ' * n}end" for n in range(40)]
    paid = (await house.embed(*texts)).tokens
    await house.embed(*texts)
    assert house.count("freshet_embedding_saved_tokens_total") == paid


async def test_a_refusal_counts_nothing_and_is_not_remembered():
    house = House(poison="bad")
    with pytest.raises(PermanentError):
        await house.embed("good", "bad")
    assert house.count("embedding_cache_misses_total") == 0
    assert len((await house.embed("good")).vectors) == 1
    assert house.count("embedding_cache_misses_total") == 1


async def test_no_texts_ask_nobody(house: House):
    assert (await house.embed()).vectors.shape == (0, 8)
    assert house.model.texts == []
