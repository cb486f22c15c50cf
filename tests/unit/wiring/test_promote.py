"""The gate asks the live version with the model that it was built with."""

import pytest
from prometheus_client import CollectorRegistry

from freshet.schemas.errors import MisfitError
from freshet.search.embedding.cached import CachedEmbedder
from freshet.search.embedding.memory import MemoryEmbeddingCache
from freshet.search.embedding.metrics import EmbeddingMetrics
from freshet.search.index.identity import Identity
from freshet.search.passages import Recipe
from freshet.wiring.models import Models
from tests.unit.wiring.test_models import Named


def named(name):
    return CachedEmbedder(Named(name), MemoryEmbeddingCache(max_bytes=0), EmbeddingMetrics(CollectorRegistry()))


def version_of(model):
    return Identity("documents", model.model, Recipe(window=256)).info(topic="documents", partitions=1)


def test_it_is_asked_with_its_own_model_whichever_the_settings_describe():
    new, old = named("new"), named("old")
    models = Models(new, (old,))
    assert models.find(version_of(old)) is old
    assert models.find(version_of(new)) is new


def test_a_model_that_is_not_at_hand_is_named_with_what_to_set():
    with pytest.raises(MisfitError, match=r"built for old .*FRESHET_SEARCH__OTHER_MODELS"):
        Models(named("new")).find(version_of(named("old")))
