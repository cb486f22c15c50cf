"""The embedding model: whether it loads and works, and how fast."""

from __future__ import annotations

import time
from typing import Final

from freshet.background import in_background
from freshet.doctor.findings import Finding, Mark
from freshet.search.embedding.base import Embedder, Model
from freshet.settings import Settings
from freshet.wiring.parts import is_model_missing, load_model

LOAD_SECONDS: Final = 60.0
SENTENCE: Final = "The router does not answer since the last update."
PASSAGES: Final = [
    f"{SENTENCE} Ticket {number} says what was tried, and what helped in the end." for number in range(64)
]


async def check_model(settings: Settings) -> tuple[Finding, Model | None]:
    """Load it and embed; a model that costs money is asked for one sentence only. Downloads nothing of ours."""
    if is_model_missing(settings):
        text = f"{settings.embedding.model} is not on this machine yet"
        return Finding("model", Mark.WARN, text, "a worker or search service downloads it when it first starts"), None
    start = time.perf_counter()
    embedder = await in_background(lambda: load_model(settings))
    try:
        loaded = time.perf_counter() - start
        speed = await _speed(embedder)
        model = embedder.model
        text = f"{model.name}, {model.dimension} dimensions, loaded in {loaded:.1f} s, {speed}"
        return Finding("model", Mark.OK, text), model
    finally:
        await embedder.close()


async def _speed(embedder: Embedder) -> str:
    first, _ = await _embed(embedder, [SENTENCE])
    if embedder.model.usd_per_million_tokens:
        return f"{first * 1000:.0f} ms for a sentence"
    again, _ = await _embed(embedder, [SENTENCE])
    seconds, tokens = await _embed(embedder, PASSAGES)
    return f"{again * 1000:.1f} ms for a sentence, {tokens / seconds:,.0f} tokens/s"


async def _embed(embedder: Embedder, texts: list[str]) -> tuple[float, int]:
    start = time.perf_counter()
    embedded = await embedder.embed(texts)
    return time.perf_counter() - start, embedded.tokens
