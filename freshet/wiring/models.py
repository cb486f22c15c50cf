"""The models that a process has at hand: its own, and those of FRESHET_SEARCH__OTHER_MODELS."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from freshet.schemas.errors import MisfitError, SettingsError
from freshet.search.embedding.base import Embedder
from freshet.search.embedding.cached import CachedEmbedder
from freshet.search.embedding.metrics import EmbeddingMetrics
from freshet.search.index.base import VersionInfo
from freshet.search.index.identity import is_of_model, refuse_model
from freshet.settings import Settings, variable
from freshet.wiring.parts import open_embedder, with_cache

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Models:
    """The model of the settings, which `own` is, and others."""

    own: CachedEmbedder
    others: tuple[CachedEmbedder, ...] = ()
    _refused: set[str] = field(default_factory=set)

    def find(self, version: VersionInfo) -> CachedEmbedder:
        """The model that a version was built with. Raises MisfitError where it is not at hand."""
        every = (self.own, *self.others)
        for each in every:
            if is_of_model(version, each.model):
                return each
        raise refuse_model(version, [each.model for each in every])

    def of(self, version: VersionInfo) -> CachedEmbedder:
        """As `find`, for who asks again and again: a version that is refused is logged, once."""
        try:
            return self.find(version)
        except MisfitError as error:
            self._tell_once(version.name, error)
            raise

    def _tell_once(self, version: str, error: MisfitError) -> None:
        if version not in self._refused:
            self._refused.add(version)
            logger.error("%s", error, extra={"action": "version_refused"})


async def open_models(
    settings: Settings,
    metrics: EmbeddingMetrics,
    stack: AsyncExitStack,
    *,
    redis_timeout: float,
    load: Callable[[Settings], Embedder],
) -> Models:
    """All of them, each with its cache; closed with the stack. Raises as `open_embedder`, and names the entry."""
    own = await open_embedder(settings, metrics, stack, redis_timeout=redis_timeout, load=load)
    others = []
    for number, named in enumerate(settings.search.other_models, 1):
        given = settings.with_model(named)
        try:
            embedder = await asyncio.to_thread(load, given)
        except SettingsError as error:
            raise SettingsError(f"{variable(('search', 'other_models'))}: entry {number}, {error}") from error
        others.append(with_cache(embedder, given, metrics, stack, redis_timeout=redis_timeout))
    return Models(own, tuple(others))
