"""The reranker: whether it loads and works, and whether it is fast enough for its budget."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from freshet.background import in_background
from freshet.doctor.findings import Finding, Mark
from freshet.doctor.model import LOAD_SECONDS, PASSAGES, SENTENCE
from freshet.schemas.errors import DeniedError, TransientError
from freshet.search.rerank.base import TimedReranker
from freshet.settings import Settings
from freshet.wiring.rerank import load_rerank

CANDIDATES: Final = 15  # of a search for five results


async def check_rerank(settings: Settings) -> Sequence[Finding]:
    """Load it and order what a usual search would; a service starts without it, so that it is away is no failure."""
    if settings.rerank.provider == "off":
        return [Finding("reranker", Mark.OK, "off: results come in the order of retrieval")]
    try:
        start = time.perf_counter()
        reranker = await in_background(lambda: load_rerank(settings))
        loaded = time.perf_counter() - start
        try:
            return [_judge(reranker, loaded, await _milliseconds(reranker), settings.rerank.budget_ms)]
        finally:
            await reranker.close()
    except (TransientError, DeniedError) as error:
        hint = error.hint or "searches are answered without it, and say so"
        return [Finding("reranker", Mark.WARN, f"{error.operation}: {error.message}", hint)]


async def _milliseconds(reranker: TimedReranker) -> float:
    """The second time counts: the first one meets lengths that were not seen before."""
    took = 0.0
    for _ in range(2):
        start = time.perf_counter()
        await reranker.rerank(SENTENCE, PASSAGES[:CANDIDATES], within=LOAD_SECONDS)
        took = time.perf_counter() - start
    return took * 1000


def _judge(reranker: TimedReranker, loaded: float, took: float, budget: float) -> Finding:
    text = f"{reranker.model.name}, loaded in {loaded:.1f} s, {took:.0f} ms for {CANDIDATES} short passages"
    if took > budget:
        hint = "searches will not wait for it; raise FRESHET_RERANK__BUDGET_MS, or choose a smaller model"
        return Finding("reranker", Mark.WARN, text, hint)
    return Finding("reranker", Mark.OK, text)
