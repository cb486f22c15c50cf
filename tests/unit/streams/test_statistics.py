from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest

from freshet.schemas.errors import PermanentError, TransientError
from freshet.search.sparse import SparseVector
from freshet.search.statistics import TermStatistics
from freshet.streams import statistics
from freshet.streams.retry import Retry, Weather
from freshet.streams.statistics import LOOK_SECONDS, SHARE, keep_statistics, renew_statistics


class Store:
    """Passages that all hold term 1, and each a term of its own."""

    def __init__(self, passages: int = 0) -> None:
        self.passages = passages
        self.kept: list[TermStatistics] = []
        self.failure: Exception | None = None

    async def statistics(self, known: TermStatistics | None = None) -> TermStatistics | None:  # noqa: ARG002
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        return self.kept[-1] if self.kept else None

    async def count_passages(self) -> int:
        return self.passages

    async def stored_terms(self) -> AsyncIterator[Sequence[SparseVector]]:
        for start in range(0, self.passages, 10):
            yield [SparseVector.of({1: 1.0, n + 2: 1.0}) for n in range(start, min(start + 10, self.passages))]

    async def keep(self, made: TermStatistics) -> None:
        self.kept.append(made)


async def no_sleep(_seconds: float) -> None:
    return


@pytest.mark.parametrize(
    ("before", "after", "due"), [(100, 125, False), (100, 126, True), (100, 75, False), (100, 74, True), (1, 2, True)]
)
async def test_a_snapshot_is_renewed_when_the_passages_have_changed_by_more_than_a_quarter(before, after, due):
    store = Store(before)
    await renew_statistics(store, sleep=no_sleep)
    store.passages = after
    await renew_statistics(store, sleep=no_sleep)
    assert [made.number for made in store.kept] == ([1, 2] if due else [1])


async def test_an_empty_index_has_no_snapshot_until_something_is_in_it():
    store = Store(0)
    assert await renew_statistics(store, sleep=no_sleep) is None
    store.passages = 1
    made = await renew_statistics(store, sleep=no_sleep)
    assert made is not None
    assert (made.number, made.terms.tolist(), made.counts.tolist()) == (1, [1, 2], [1, 1])


async def test_of_a_large_index_a_sample_is_counted(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(statistics, "SAMPLE", 40)
    monkeypatch.setattr(statistics, "TALLIED_AT_ONCE", 15)
    made = await renew_statistics(Store(1000), sleep=no_sleep)
    assert made is not None
    assert made.passages == 1000
    assert made.sampled == made.counts[0] == len(made.terms) - 1
    assert 40 <= made.sampled < 100


class Night:
    """A clock that sleeping moves on, and an end after some sleeps between looks."""

    def __init__(self, looks: int) -> None:
        self.now, self.looks = 0.0, looks
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        if seconds >= LOOK_SECONDS:
            self.slept.append(seconds)
            if len(self.slept) == self.looks:
                raise asyncio.CancelledError


async def keep(store: Store, night: Night) -> None:
    retry = Retry(weather=Weather(), longest_wait=0.01, patient=True)
    with pytest.raises(asyncio.CancelledError):
        await keep_statistics(store, retry, sleep=night.sleep, clock=lambda: night.now)


async def test_a_failing_index_is_asked_again_and_a_refusal_does_not_end_the_keeping():
    store, night = Store(5), Night(looks=1)
    store.failure = TransientError("count", "away")
    await keep(store, night)
    assert [made.number for made in store.kept] == [1]
    store.failure = PermanentError("count", "no such thing")
    store.passages = 50
    await keep(store, Night(looks=2))
    assert [made.number for made in store.kept] == [1, 2]


async def test_the_longer_a_snapshot_takes_the_longer_is_the_pause_after_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(statistics, "PAUSE_SECONDS", 1.0)
    night = Night(looks=2)
    await keep(Store(200), night)
    assert night.slept[0] == pytest.approx(20.0 / SHARE)
    assert night.slept[1] == LOOK_SECONDS


async def test_terms_of_pages_add_up():
    made = await renew_statistics(Store(25), sleep=no_sleep)
    assert made is not None
    assert dict(zip(made.terms.tolist(), made.counts.tolist(), strict=True)) == {1: 25} | dict.fromkeys(range(2, 27), 1)
    assert made.terms.dtype == made.counts.dtype == np.uint32
