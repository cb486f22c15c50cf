"""What the worker and the service both have: an embedder with its cache, an index client, probes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, GCCollector, Info, PlatformCollector, ProcessCollector

from freshet.search.bm25 import Bm25
from freshet.search.embedding.base import Embedder, Model
from freshet.search.embedding.cached import CachedEmbedder
from freshet.search.embedding.metrics import EmbeddingMetrics
from freshet.search.embedding.together import TogetherEmbedder
from freshet.search.index.identity import Identity
from freshet.search.passages import Recipe
from freshet.settings import Settings
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.offsets import KafkaOffsets
from freshet.streams.lag import Followed, LagWatcher

if TYPE_CHECKING:
    from pathlib import Path

    from qdrant_client import AsyncQdrantClient

    from freshet.search.embedding.cache import EmbeddingCache

logger = logging.getLogger(__name__)

LOCAL_MODEL: Final = "all-MiniLM-L6-v2"
EXPOSED: Final = "the password for Kafka is sent in clear text; set FRESHET_KAFKA__SECURITY_PROTOCOL to SASL_SSL"
_CALLS_TO_A_SERVER: Final = 4
_ASK_REDIS_SECONDS: Final = 2.0


def new_registry() -> CollectorRegistry:
    """A registry of our own, with the process's memory, CPU and garbage collections, and our version."""
    from freshet import __version__

    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    Info("freshet_build", "Which Freshet this is", registry=registry).info({"version": __version__})
    return registry


def kafka_connection(settings: Settings, process: str, *, timeout: float = 30.0) -> KafkaConnection:
    """How a process of ours reaches Kafka; `timeout` in seconds bounds each request."""
    given = settings.kafka
    return KafkaConnection(given.bootstrap_servers, f"freshet-{process}", timeout, given.security())


def warn_of_exposure(connection: KafkaConnection) -> None:
    """Log that the password goes to Kafka in clear text, where it does."""
    if connection.exposes_password:
        logger.warning("%s", EXPOSED, extra={"action": "password_exposed"})


def watch_lag(
    connection: KafkaConnection,
    followed: Callable[[], Awaitable[Followed]],
    registry: CollectorRegistry,
    stack: AsyncExitStack,
) -> LagWatcher:
    """Measure the lag of the group that is `followed` then, every few seconds until the stack is closed."""
    watcher = LagWatcher(partial(KafkaOffsets, connection), followed=followed, registry=registry)
    task = asyncio.create_task(watcher.run())
    stack.callback(task.cancel)
    return watcher


async def open_embedder(
    settings: Settings,
    metrics: EmbeddingMetrics,
    stack: AsyncExitStack,
    *,
    redis_timeout: float,
    load: Callable[[Settings], Embedder],
) -> CachedEmbedder:
    """The model with its cache; closed with the stack. Raises SettingsError and PermanentError, also of the cache."""
    await demand_redis(settings)
    embedder = await asyncio.to_thread(load, settings)
    return with_cache(embedder, settings, metrics, stack, redis_timeout=redis_timeout)


def with_cache(
    embedder: Embedder, settings: Settings, metrics: EmbeddingMetrics, stack: AsyncExitStack, *, redis_timeout: float
) -> CachedEmbedder:
    """The embedder with the cache of the settings before it; both are closed with the stack."""
    # A model of ours works on one call at a time; a server answers several.
    together = TogetherEmbedder(embedder, at_once=_CALLS_TO_A_SERVER if settings.embedding.provider == "openai" else 1)
    cached = CachedEmbedder(together, _cache(settings, redis_timeout), metrics)
    stack.push_async_callback(cached.close)
    return cached


def identity(settings: Settings, model: Model) -> Identity:
    """What index version the settings describe."""
    recipe = Recipe(window=min(settings.embedding.window, model.max_tokens))
    text = Bm25(settings.sparse.languages, settings.sparse.average_length)
    return Identity(settings.index, model, recipe, text, settings.generation)


def qdrant_client(settings: Settings, stack: AsyncExitStack) -> AsyncQdrantClient:
    """A client of the Qdrant of the settings; closed with the stack."""
    from freshet.search.index.qdrant.client import connect

    key = settings.qdrant.api_key
    client = connect(
        settings.qdrant.url,
        api_key=key.get_secret_value() if key else None,
        timeout=settings.qdrant.timeout_seconds,
        ca_file=settings.qdrant.ca_file,
    )
    stack.push_async_callback(client.close)
    return client


async def demand_redis(settings: Settings) -> None:
    """Raise DeniedError where there is a Redis that refuses us; one that is away is done without, as ever."""
    if settings.redis.url is None:
        return
    from freshet.search.redis import connect, demand_access

    url = settings.redis.url.get_secret_value()
    client = connect(url, timeout=_ASK_REDIS_SECONDS, ca_file=settings.redis.ca_file)
    try:
        await demand_access(client)
    finally:
        await client.aclose()


def fetch_model(settings: Settings) -> None:
    """Download the default model where it is one and is missing; for before the event loop, which it would hold."""
    if any(_is_local(each) for each in (settings, *map(settings.with_model, settings.search.other_models))):
        _local_model()


def is_model_missing(settings: Settings) -> bool:
    """Whether it is the default model and still has to be downloaded."""
    from freshet.local.artifacts import Artifacts
    from freshet.local.folders import cache_folder

    return _is_local(settings) and not Artifacts(cache_folder()).has_model()


def _is_local(settings: Settings) -> bool:
    return settings.embedding.provider == "openvino" and settings.embedding.model == LOCAL_MODEL


def load_model(settings: Settings) -> Embedder:
    """The model alone; blocks for seconds. Raises PermanentError or SettingsError."""
    from freshet.search.embedding.load import load_embedder

    given = settings.embedding
    return load_embedder(
        provider=given.provider,
        model=str(_local_model()) if _is_local(settings) else given.model,
        name=given.name,
        revision=given.revision,
        threads=given.threads,
        precision=given.precision,
        device=given.device,
        base_url=given.base_url,
        api_key=given.api_key.get_secret_value() if given.api_key else None,
        dimensions=given.dimensions,
        max_inputs=given.batch_inputs,
        usd_per_million_tokens=given.usd_per_million_tokens,
    )


def _local_model() -> Path:
    """The default model's files, fetched at their first use."""
    from freshet.local.artifacts import Artifacts
    from freshet.local.folders import cache_folder

    return Artifacts(cache_folder()).model_folder()


def _cache(settings: Settings, redis_timeout: float) -> EmbeddingCache:
    from freshet.search.embedding.memory import MemoryEmbeddingCache

    near = MemoryEmbeddingCache(max_bytes=settings.embedding.cache_bytes)
    if settings.redis.url is None:
        return near
    from freshet.search.embedding.redis import RedisEmbeddingCache
    from freshet.search.embedding.tiered import TieredEmbeddingCache
    from freshet.search.redis import connect

    redis = connect(settings.redis.url.get_secret_value(), timeout=redis_timeout, ca_file=settings.redis.ca_file)
    far = RedisEmbeddingCache(redis, timeout=redis_timeout, ttl=settings.embedding.cache_seconds)
    return TieredEmbeddingCache(near=near, far=far)
