"""The models at hand: a search service has one for each version that may be live."""

from __future__ import annotations

import logging
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from freshet.schemas.errors import MisfitError, SettingsError
from freshet.search.embedding.base import Embedder, Model
from freshet.search.embedding.metrics import EmbeddingMetrics
from freshet.search.index.base import VersionInfo
from freshet.settings import Settings
from freshet.settings_groups.embedding import Embedding, NamedModel
from freshet.wiring.models import Models, open_models
from freshet.wiring.parts import identity
from tests.support.embedder import CountingEmbedder


class Named(CountingEmbedder):
    """A model called as the settings call it."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    @property
    def model(self) -> Model:
        return replace(super().model, name=self._name)


def load(settings: Settings) -> Embedder:
    if settings.embedding.model == "broken":
        raise SettingsError("the folder broken does not exist")
    return Named(settings.embedding.model)


def given(*others: str) -> Settings:
    models = tuple(NamedModel(model=each) for each in others)
    settings = Settings(embedding=Embedding(model="mine", window=17, cache_bytes=99))
    return settings.model_copy(update={"search": settings.search.model_copy(update={"other_models": models})})


def version_of(model: str, *, window: int = 17) -> VersionInfo:
    settings = Settings(index="docs", embedding=Embedding(model=model, window=window))
    return identity(settings, Named(model).model).info(topic="t", partitions=1)


async def opened(stack: AsyncExitStack, *others: str) -> Models:
    metrics = EmbeddingMetrics(CollectorRegistry())
    return await open_models(given(*others), metrics, stack, redis_timeout=1, load=load)


async def test_each_version_is_searched_with_its_model_whatever_its_window():
    async with AsyncExitStack() as stack:
        models = await opened(stack, "next", "third")
        assert models.of(version_of("mine")) is models.own
        assert models.of(version_of("third", window=30)).model.name == "third"


async def test_a_version_whose_model_is_not_at_hand_is_refused_each_time_and_logged_once(caplog):
    async with AsyncExitStack() as stack:
        models = await opened(stack, "next")
        with caplog.at_level(logging.ERROR):
            for _ in range(3):
                with pytest.raises(MisfitError, match="FRESHET_SEARCH__OTHER_MODELS beside mine, next"):
                    models.of(version_of("third"))
    assert len(caplog.records) == 1


async def test_a_model_that_cannot_be_loaded_keeps_the_service_from_starting_and_is_named():
    async with AsyncExitStack() as stack:
        with pytest.raises(SettingsError, match="FRESHET_SEARCH__OTHER_MODELS: entry 2, the folder broken"):
            await opened(stack, "next", "broken")


def test_another_model_takes_nothing_over_from_the_first_but_the_size_of_its_cache():
    settings = Settings(embedding=Embedding(model="mine", name="a name", threads=3, window=17, cache_bytes=99))
    other = settings.with_model(NamedModel(model="next", provider="openai")).embedding
    assert other == Embedding(model="next", provider="openai", window=17, cache_bytes=99)
