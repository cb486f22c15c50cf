"""The port to a model that reads query and text together, and what a search sees of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from freshet.schemas.errors import FreshetError

Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class RerankModel:
    """Whose order it is: what runs the model, and the model's name."""

    provider: str
    name: str


class Reranker(Protocol):
    """A model that says how well a text answers a query. Every method is safe to call from several tasks at once."""

    @property
    def model(self) -> RerankModel: ...

    async def score(self, query: str, texts: Sequence[str]) -> Scores:
        """Scores in the order of the texts, shape (n,), from 0 to 1, higher is better. No text's depends on another's.

        The event loop stays free while it works. Any number of texts; an empty list gives shape (0,) and asks nobody.
        Where query and text are longer than the model's window, the longer of them is cut. Nothing is tried twice.
        Raises TransientError, OverloadedError, PermanentError (what was given is refused), and DeniedError for a key or
        a model that is. When the caller is cancelled, what is left of the work is not begun.
        """
        ...

    async def close(self) -> None:
        """Release the model's memory or connections. Idempotent."""
        ...


class RerankTooLate(FreshetError):  # noqa: N818 (what it is, not a failure)
    """There is no time to rerank: serve the order that is there, and say so."""


@asynccontextmanager
async def in_time(within: float) -> AsyncIterator[None]:
    """Raise RerankTooLate where what happens inside takes longer than so many seconds."""
    try:
        async with asyncio.timeout(within):
            yield
    except TimeoutError:
        raise RerankTooLate(f"not reranked within {within * 1000:.0f} ms") from None


class TimedReranker(Protocol):
    """A reranker as a search uses it: in time, or not at all."""

    @property
    def model(self) -> RerankModel: ...

    async def rerank(self, query: str, texts: Sequence[str], *, within: float) -> Scores:
        """As `Reranker.score`, within so many seconds.

        Raises RerankTooLate, as soon as it is known that the time will not do or that too many wait.
        """
        ...

    async def close(self) -> None:
        """Close the reranker; who waits gets a TransientError. Idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class RerankOff:
    """That there is no reranker, and why. `wanted` tells whether the settings ask for one, so that answers lack it."""

    reason: str
    wanted: bool
