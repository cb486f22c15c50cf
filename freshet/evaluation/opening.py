"""What an evaluation works with, opened: a model, its cache, and a Qdrant.

The Qdrant is that of the settings, or the local engine where nobody ever set one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from freshet.evaluation.evaluating import Bar, Parts
from freshet.local.processes import LocalPartError
from freshet.schemas.errors import SettingsError, TransientError
from freshet.search.embedding.metrics import EmbeddingMetrics
from freshet.search.rerank.base import RerankOff
from freshet.settings import Qdrant, Settings
from freshet.wiring.parts import load_model, qdrant_client, with_cache
from freshet.wiring.rerank import open_rerank

USUAL: Final = str(Qdrant.model_fields["url"].default)


@asynccontextmanager
async def open_parts(
    settings: Settings, *, bar: Bar, say: Callable[[str], None], keep: bool = False
) -> AsyncIterator[Parts]:
    """The parts that the settings name. Raises SettingsError where nothing could be kept, and LocalPartError."""
    async with AsyncExitStack() as stack:
        if needs_engine(settings):
            if keep:
                raise SettingsError("--keep: no Qdrant is there to keep it; set FRESHET_QDRANT__URL")
            settings = await stack.enter_async_context(_with_engine(settings, say))
        model = await asyncio.to_thread(load_model, settings)
        spent, timeout = EmbeddingMetrics(CollectorRegistry()), settings.redis.worker_timeout_seconds
        cached = with_cache(model, settings, spent, stack, redis_timeout=timeout)
        client = qdrant_client(settings, stack)
        reranker = await open_rerank(settings, stack)
        if isinstance(reranker, RerankOff) and reranker.wanted:
            raise TransientError("open the reranker", reranker.reason)
        yield Parts(settings=settings, client=client, passages=cached, queries=model, reranker=reranker, bar=bar)


def needs_engine(settings: Settings) -> bool:
    """Whether the address is the usual one, and nobody listens there."""
    from freshet.local.listening import Listener, taken_by

    address = urlsplit(USUAL)
    return settings.qdrant.url == USUAL and taken_by(address.hostname or "", address.port or 0) is Listener.NOBODY


@asynccontextmanager
async def _with_engine(settings: Settings, say: Callable[[str], None]) -> AsyncIterator[Settings]:
    """Settings with the address of an engine that runs, with its data, no longer than this."""
    if find_spec("qdrant_edge") is None:
        raise LocalPartError(
            f"no Qdrant answers at {USUAL}: set FRESHET_QDRANT__URL, or install the local engine "
            "with: pip install '.[local]' in a checkout"
        )
    from freshet.local.engine import LocalQdrant

    say(f"no Qdrant answers at {USUAL}: the local engine is used, and ends with this command")
    with TemporaryDirectory(prefix="freshet-evaluate-") as folder:
        async with LocalQdrant(folder=Path(folder) / "qdrant", log=Path(folder) / "log") as engine:
            there = {"url": engine.url, "api_key": SecretStr(engine.api_key)}
            yield settings.model_copy(update={"qdrant": settings.qdrant.model_copy(update=there)})
