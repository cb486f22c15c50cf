"""The queue before a model: who is scored, in which order, and who is told at once that there is no time."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.schemas.errors import PermanentError, TransientError
from freshet.search.rerank.base import RerankModel, RerankTooLate, Scores
from freshet.search.rerank.queue import SLICE, RerankQueue
from tests.support.waiting import wait_until

PATIENCE = 60.0
SLICE_SECONDS = 1.0


def scores_of(texts: Sequence[str]) -> Scores:
    return np.array([len(text) / 1000 for text in texts], np.float32)


class Model:
    """Scores slices when it is let; each takes a second of its own clock."""

    model = RerankModel("test", "lengths")

    def __init__(self) -> None:
        self.now = 0.0
        self.seconds = SLICE_SECONDS
        self.slices: list[str] = []
        self.sizes: list[int] = []
        self.errors: list[Exception] = []
        self.turns = asyncio.Semaphore(0)
        self.closed = 0

    async def score(self, query: str, texts: Sequence[str]) -> Scores:
        self.slices.append(query)
        self.sizes.append(len(texts))
        await self.turns.acquire()
        self.now += self.seconds
        if self.errors:
            raise self.errors.pop()
        return scores_of(texts)

    async def close(self) -> None:
        self.closed += 1

    def let(self, slices: int) -> None:
        for _ in range(slices):
            self.turns.release()


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def queue(model: Model) -> RerankQueue:
    return RerankQueue(model, capacity=3, clock=lambda: model.now)


def asking(queue: RerankQueue, query: str, texts: int = SLICE, *, within: float = PATIENCE) -> asyncio.Task[Scores]:
    return asyncio.create_task(queue.rerank(query, [f"{'x' * (n % 7)}{query}" for n in range(texts)], within=within))


async def begun(model: Model, slices: int = 1) -> None:
    await wait_until(lambda: len(model.slices) >= slices, f"{slices} slices are begun")


async def test_scores_come_in_the_order_of_the_texts_over_several_slices(model: Model, queue: RerankQueue):
    model.let(9)
    texts = ["x" * (n * 7 % 31) for n in range(3 * SLICE + 1)]
    assert np.array_equal(await queue.rerank("q", texts, within=PATIENCE), scores_of(texts))
    assert model.sizes == [SLICE, SLICE, SLICE, 1]


async def test_no_texts_ask_nobody(model: Model, queue: RerankQueue):
    assert (await queue.rerank("q", [], within=PATIENCE)).shape == (0,)
    assert model.slices == []


async def test_a_small_search_waits_for_one_slice_of_a_big_one_and_no_longer(model: Model, queue: RerankQueue):
    big = asking(queue, "big", 5 * SLICE)
    await begun(model)
    small = asking(queue, "small", 2)
    await asyncio.sleep(0)
    model.let(2)
    await small
    assert model.slices[:2] == ["big", "small"]
    assert not big.done()
    model.let(4)
    assert len(await big) == 5 * SLICE


async def test_of_equal_searches_the_first_is_done_first_and_nobodys_slices_are_mixed(model: Model, queue: RerankQueue):
    calls = [asking(queue, query, 2 * SLICE) for query in "abc"]
    await begun(model)
    model.let(6)
    await asyncio.gather(*calls)
    assert "".join(model.slices) == "aabbcc"


async def test_callers_who_left_are_not_gone_on_with(model: Model, queue: RerankQueue):
    begun_one = asking(queue, "begun", 3 * SLICE)
    await begun(model)
    waiting = asking(queue, "waiting")
    await wait_until(lambda: len(queue._jobs) == 2)
    begun_one.cancel()
    waiting.cancel()
    await asyncio.wait({begun_one, waiting})
    model.let(9)
    await asking(queue, "other")
    assert model.slices == ["begun", "other"]


async def test_a_caller_is_told_at_its_deadline_though_the_model_is_still_busy(model: Model, queue: RerankQueue):
    busy = asking(queue, "busy")
    await begun(model)
    with pytest.raises(RerankTooLate, match="within 10 ms"):
        await queue.rerank("late", ["text"] * SLICE, within=0.01)
    model.let(1)
    await busy
    assert model.slices == ["busy"]


async def test_what_cannot_be_in_time_by_the_pace_so_far_is_refused_before_it_costs_anything(
    model: Model, queue: RerankQueue
):
    model.let(1)
    await asking(queue, "first")
    with pytest.raises(RerankTooLate, match="40 texts cannot"):
        await asking(queue, "later", 5 * SLICE, within=2 * SLICE_SECONDS)
    assert model.slices == ["first"]


async def test_those_before_it_count_too(model: Model, queue: RerankQueue):
    model.let(1)
    await asking(queue, "q0")
    before = asking(queue, "q1")
    await begun(model, 2)
    with pytest.raises(RerankTooLate):
        await asking(queue, "q2", within=1.5 * SLICE_SECONDS)
    model.let(1)
    await before
    model.let(1)
    assert len(await asking(queue, "q3", within=1.5 * SLICE_SECONDS)) == SLICE


async def test_a_search_that_turns_out_too_slow_is_given_up_between_slices(model: Model, queue: RerankQueue):
    call = asking(queue, "slow", 10 * SLICE, within=3 * SLICE_SECONDS)
    await begun(model)
    model.let(10)
    with pytest.raises(RerankTooLate):
        await call
    assert model.slices == ["slow"]


async def test_who_arrives_does_not_stop_one_that_is_nearly_done(model: Model, queue: RerankQueue):
    model.let(1)
    await asking(queue, "first")
    nearly = asking(queue, "nearly", within=1.5 * SLICE_SECONDS)
    await begun(model, 2)
    model.now += 0.9 * SLICE_SECONDS
    model.seconds = 0.1 * SLICE_SECONDS
    other = asking(queue, "other")
    await wait_until(lambda: len(queue._jobs) == 2)
    model.let(2)
    assert len(await nearly) == len(await other) == SLICE


async def test_a_pace_that_was_bad_once_is_not_believed_for_ever(model: Model, queue: RerankQueue):
    model.let(2)
    model.seconds = 1_000
    await asking(queue, "slow once")
    with pytest.raises(RerankTooLate):
        await asking(queue, "too soon")
    model.seconds = SLICE_SECONDS
    assert len(await asking(queue, "again")) == SLICE
    assert model.slices == ["slow once", "again"]


async def test_a_full_queue_refuses_at_once(model: Model, queue: RerankQueue):
    calls = [asking(queue, query) for query in "abc"]
    await begun(model)
    with pytest.raises(RerankTooLate, match="3 searches wait"):
        await queue.rerank("d", ["text"], within=PATIENCE)
    model.let(3)
    await asyncio.gather(*calls)
    model.let(1)
    assert len(await queue.rerank("e", ["text"], within=PATIENCE)) == 1


async def test_an_error_is_its_own_searches_alone(model: Model, queue: RerankQueue):
    model.errors.append(PermanentError("rerank", "refused"))
    bad, good = asking(queue, "bad"), asking(queue, "good", 3 * SLICE)
    model.let(9)
    with pytest.raises(PermanentError, match="refused"):
        await bad
    assert len(await good) == 3 * SLICE


async def test_a_budget_that_is_spent_already_starts_nothing(model: Model, queue: RerankQueue):
    with pytest.raises(RerankTooLate):
        await queue.rerank("q", ["text"], within=0)
    await asyncio.sleep(0)
    assert model.slices == []


async def test_closing_tells_those_who_wait_and_closes_the_model(model: Model, queue: RerankQueue):
    calls = [asking(queue, query) for query in "ab"]
    await begun(model)
    await queue.close()
    for call in calls:
        with pytest.raises(TransientError, match="closed"):
            await call
    with pytest.raises(TransientError, match="closed"):
        await queue.rerank("c", ["text"], within=PATIENCE)
    await queue.close()
    assert model.closed == 2


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 400)), min_size=1, max_size=12))
async def test_whatever_is_asked_every_search_gets_its_own_scores_or_is_told(searches: list[tuple[int, int]]):
    model = Model()
    model.let(1_000)
    queue = RerankQueue(model, capacity=8, clock=lambda: model.now)
    calls = [asking(queue, "q" * (n + 1), size, within=seconds / 10) for n, (size, seconds) in enumerate(searches)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    for number, ((size, _), answer) in enumerate(zip(searches, answers, strict=True)):
        if not isinstance(answer, RerankTooLate):
            assert not isinstance(answer, BaseException)
            assert answer == pytest.approx(scores_of(["x" * (n % 7) + "q" * (number + 1) for n in range(size)]))
    assert max(model.sizes, default=0) <= SLICE
    assert queue._jobs == []
