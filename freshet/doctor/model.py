"""The embedding model: whether it loads and works, and how fast."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

from freshet.doctor.findings import Finding, Mark
from freshet.search.embedding.base import Embedder, Model
from freshet.settings import Settings
from freshet.wiring.parts import is_model_missing, load_model

T = TypeVar("T")

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
    embedder = await _in_daemon_thread(lambda: load_model(settings))
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


async def _in_daemon_thread(work: Callable[[], T]) -> T:
    """What `work` gives; a thread of an executor would keep the process from ending while it hangs."""
    loop, result = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()

    def run() -> None:
        try:
            value, error = work(), None
        except Exception as raised:  # noqa: BLE001 (it goes to whoever waits)
            value, error = None, raised
        loop.call_soon_threadsafe(_settle, result, value, error)

    threading.Thread(target=run, daemon=True).start()
    outcome: T = await result
    return outcome


def _settle(result: asyncio.Future[T], value: T, error: Exception | None) -> None:
    if result.done():
        return
    if error is None:
        result.set_result(value)
    else:
        result.set_exception(error)
