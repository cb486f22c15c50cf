"""The order of documents by the settings: the reranker that they name, or why there is none."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack

from freshet.schemas.errors import DeniedError, SettingsError, TransientError
from freshet.search.computing import Ranking
from freshet.search.fusion import Fusion
from freshet.search.rerank.base import RerankOff, TimedReranker
from freshet.search.reranking import Reranking
from freshet.settings import Settings, variable

logger = logging.getLogger(__name__)


async def open_rerank(settings: Settings, stack: AsyncExitStack) -> TimedReranker | RerankOff:
    """The reranker, closed with the stack. Raises SettingsError for what can never work.

    One that cannot be had now keeps no service from starting: searches are less sharp then, and their answers say so.
    """
    if settings.rerank.provider == "off":
        return RerankOff("it is off by the settings", wanted=False)
    try:
        reranker = await asyncio.to_thread(load_rerank, settings)
    except (TransientError, DeniedError) as error:
        logger.warning("Searches are not reranked until the next start: %s", error, extra={"action": "rerank_off"})
        return RerankOff(str(error), wanted=True)
    stack.push_async_callback(reranker.close)
    return reranker


def load_rerank(settings: Settings) -> TimedReranker:
    """The reranker alone; blocks for seconds. Raises SettingsError, TransientError, DeniedError."""
    from freshet.search.rerank.load import load_reranker

    given = settings.rerank
    if given.provider == "off":
        raise SettingsError(f"{variable(('rerank', 'provider'))}: is off, so there is no reranker to load")
    try:
        return load_reranker(
            given.provider,
            given.model,
            revision=given.revision,
            threads=given.threads,
            precision=given.precision,
            device=given.device,
            base_url=given.base_url,
            api=given.api,
            api_key=given.api_key.get_secret_value() if given.api_key else None,
            batch_texts=given.batch_texts,
        )
    except SettingsError as error:
        culprit = "base_url" if given.provider == "http" else "model"
        raise SettingsError(f"{variable(('rerank', culprit))}: {error}") from error


def ranking(settings: Settings, reranker: TimedReranker | RerankOff) -> Ranking:
    """How the searches of these settings put documents in order."""
    fusion = Fusion[settings.search.fusion.upper()]
    return Ranking(fusion, Reranking(reranker, seconds=settings.rerank.budget_ms / 1_000))
