"""One queue in front of a model on this machine: searches are reranked in time, or cost nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from freshet.schemas.errors import TransientError
from freshet.search.rerank.base import Reranker, RerankModel, RerankTooLate, Scores, in_time
from freshet.search.rerank.pace import Pace, work_of

# Pairs that are scored at once. A pair costs the same from 4 up (MiniLM of 6 layers, two cores), so searches that wait
# gain nothing from sharing a batch, and the smaller the slice the sooner the next one has its turn.
SLICE: Final = 8
CAPACITY: Final = 32


class RerankQueue:
    """Scores slice after slice, always of the search with the least left to do. Owns the reranker.

    So a small search waits for one slice of a big one at most, and of equal ones the first is done first. A search that
    cannot be in time, by the pace of the last slices and by what is before it, is refused at once; one whose caller
    left is not gone on with. For one event loop.
    """

    def __init__(
        self, reranker: Reranker, *, capacity: int = CAPACITY, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._reranker = reranker
        self._capacity = capacity
        self._clock = clock
        self._pace = Pace()
        self._jobs: list[_Job] = []
        self._in_hand: _Job | None = None
        self._working: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def model(self) -> RerankModel:
        return self._reranker.model

    async def rerank(self, query: str, texts: Sequence[str], *, within: float) -> Scores:
        """As `TimedReranker.rerank`."""
        if not texts:
            return np.empty(0, np.float32)
        if self._closed:
            raise _closed()
        if len(self._jobs) >= self._capacity:
            raise RerankTooLate(f"{self._capacity} searches wait to be reranked")
        job = _Job(query, texts, self._clock() + within)
        self._jobs.append(job)
        self._refuse_the_late()
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work())
        return await self._result(job, within)

    async def close(self) -> None:
        """As `TimedReranker.close`."""
        self._closed = True
        if self._working is not None:
            self._working.cancel()
            await asyncio.wait({self._working})
        for job in self._jobs:
            job.fail(_closed())
        await self._reranker.close()

    async def _result(self, job: _Job, within: float) -> Scores:
        try:
            async with in_time(within):
                return await job.result
        finally:
            job.leave()
            if job in self._jobs:
                self._jobs.remove(job)

    async def _work(self) -> None:
        while self._jobs:
            self._in_hand = min(self._jobs, key=lambda job: job.work)
            await self._score_slice(self._in_hand)
            self._in_hand = None
            self._refuse_the_late()

    async def _score_slice(self, job: _Job) -> None:
        rows, work = job.next_rows(), job.work
        start = self._clock()
        try:
            job.take(rows, await self._reranker.score(job.query, [job.texts[row] for row in rows]))
            self._pace.learn(work - job.work, self._clock() - start)
        except Exception as error:  # noqa: BLE001 (whatever it is, it is told to who waits, and the others go on)
            job.fail(error)
        if job.result.done() and job in self._jobs:
            self._jobs.remove(job)

    def _refuse_the_late(self) -> None:
        """Tell those who cannot be in time, in the order in which they would have been done.

        Not the one in hand: how much of its slice is done nobody knows.
        """
        now, before = self._clock(), 0.0
        for job in sorted(self._jobs, key=lambda job: job.work):
            if job is self._in_hand or now + self._pace.seconds(before + job.work) < job.deadline:
                before += job.work
                continue
            self._jobs.remove(job)
            job.fail(RerankTooLate(f"{len(job.texts)} texts cannot be reranked in time"))
            if not before:  # nothing else teaches the pace now, and a wrong one must not last
                self._pace.forget_one()


class _Job:
    """A search that waits: what of it is left to do, the shortest text first."""

    def __init__(self, query: str, texts: Sequence[str], deadline: float) -> None:
        self.query = query
        self.texts = texts
        self.deadline = deadline
        self.result: asyncio.Future[Scores] = asyncio.get_running_loop().create_future()
        self.work = sum(work_of(query, text) for text in texts)
        self._rows = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        self._scores = np.empty(len(texts), np.float32)

    def next_rows(self) -> list[int]:
        """Texts of about one length: padded to the longest, they waste the least."""
        return self._rows[-SLICE:]

    def take(self, rows: Sequence[int], scores: Scores) -> None:
        self._scores[rows] = scores
        del self._rows[-len(rows) :]
        self.work -= sum(work_of(self.query, self.texts[row]) for row in rows)
        if not self._rows and not self.result.done():
            self.result.set_result(self._scores)

    def fail(self, error: Exception) -> None:
        if not self.result.done():
            self.result.set_exception(error)

    def leave(self) -> None:
        """Nobody waits any more; an error that comes at the same moment is not one that nobody heard of."""
        if not self.result.cancel() and not self.result.cancelled():
            self.result.exception()


def _closed() -> TransientError:
    return TransientError("rerank", "the model was closed")
