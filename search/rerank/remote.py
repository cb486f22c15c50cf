"""In front of a model that a server runs: searches wait no longer than they may, and not at all while it is away."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from freshet.schemas.errors import DeniedError, OutsideError, OverloadedError, PermanentError, TransientError
from freshet.search.rerank.base import Reranker, RerankModel, RerankTooLate, Scores, in_time

_PAUSE: Final = 1.0
AT_ONCE: Final = 16


class RemoteRerank:
    """Passes searches on, `at_once` at most; after a failure the server is left alone for a second, or as it asks.

    Owns the reranker.
    """

    def __init__(
        self, reranker: Reranker, *, at_once: int = AT_ONCE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._reranker = reranker
        self._at_once = at_once
        self._clock = clock
        self._under_way = 0
        self._pause_until = 0.0
        self._failure = ""

    @property
    def model(self) -> RerankModel:
        return self._reranker.model

    async def rerank(self, query: str, texts: Sequence[str], *, within: float) -> Scores:
        """As `TimedReranker.rerank`; while the server is left alone a TransientError says why."""
        if not texts:
            return np.empty(0, np.float32)
        if self._clock() < self._pause_until:
            raise TransientError("rerank", f"not tried again yet after: {self._failure}")
        if self._under_way >= self._at_once:
            raise RerankTooLate(f"{self._at_once} searches are being reranked")
        self._under_way += 1
        try:
            async with in_time(within):
                return await self._reranker.score(query, texts)
        except OutsideError as error:
            self._failed(error)
            raise
        finally:
            self._under_way -= 1

    async def close(self) -> None:
        """As `TimedReranker.close`."""
        await self._reranker.close()

    def _failed(self, error: OutsideError) -> None:
        """A refusal of what was sent says nothing of the server."""
        if isinstance(error, PermanentError) and not isinstance(error, DeniedError):
            return
        pause = max(error.retry_after, _PAUSE) if isinstance(error, OverloadedError) else _PAUSE
        self._pause_until = self._clock() + pause
        self._failure = str(error)
