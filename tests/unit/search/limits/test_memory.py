from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from freshet.search.limits.base import MICROSECONDS, Limit
from freshet.search.limits.memory import MemoryLimiter


class Clock:
    now = 0

    def __call__(self) -> int:
        return self.now


async def test_waiting_as_long_as_one_is_told_is_enough_and_less_is_not():
    clock = Clock()
    limiter, limit = MemoryLimiter(clock=clock), Limit(3, 2)
    for _ in range(2):
        await limiter.take("a", limit)
    wait = round((await limiter.take("a", limit)).wait * MICROSECONDS)
    clock.now += wait - 1
    assert not (await limiter.take("a", limit)).allowed
    clock.now += 1
    assert (await limiter.take("a", limit)).allowed


@given(
    rate=st.floats(0.01, 1_000),
    burst=st.integers(1, 20),
    pauses=st.lists(st.integers(0, 5 * MICROSECONDS), max_size=60),
)
async def test_whenever_one_asks_no_stretch_of_time_holds_more_than_the_limit_and_no_less_is_let_through(
    rate, burst, pauses
):
    clock, limit = Clock(), Limit(rate, burst)
    limiter, let_through = MemoryLimiter(clock=clock), list[int]()
    tokens, before = burst * limit.interval, 0  # a bucket, counted in the plain way, in microseconds
    for pause in pauses:
        clock.now += pause
        tokens, before = min(burst * limit.interval, tokens + clock.now - before), clock.now
        taken = await limiter.take("a", limit)
        assert taken.allowed == (tokens >= limit.interval)
        if taken.allowed:
            tokens -= limit.interval
            let_through.append(clock.now)
        assert taken.remaining == tokens // limit.interval
    for first, start in enumerate(let_through):
        for last in range(first, len(let_through)):
            earned = (let_through[last] - start) / limit.interval
            assert last - first + 1 <= burst + earned


def test_a_window_is_what_an_empty_bucket_takes_to_fill():
    assert [Limit(100, 200).window, Limit(0.5, 1).window, Limit(1_000, 1).window] == [2, 2, 1]
