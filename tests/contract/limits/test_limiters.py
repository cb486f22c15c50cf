"""The contract of what counts requests, for each adapter."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest

from freshet.search.limits.base import Limit, Limiter, Taken
from freshet.search.limits.memory import MemoryLimiter
from freshet.search.limits.redis import RedisLimiter
from freshet.search.redis import connect
from tests.support.waiting import wait_until

HARDLY = 0.001  # a second: so slow that nothing is earned while a test runs


class LimiterSuite:
    async def test_a_burst_is_let_through_and_then_nothing(self, limiter: Limiter):
        taken = [await limiter.take("a", Limit(HARDLY, 3)) for _ in range(5)]
        assert [each.allowed for each in taken] == [True, True, True, False, False]
        assert [each.remaining for each in taken] == [2, 1, 0, 0, 0]
        assert all(each.wait == 0 for each in taken[:3])
        assert all(0 < each.wait <= 1 / HARDLY for each in taken[3:])

    async def test_what_is_refused_costs_nothing(self, limiter: Limiter):
        limit = Limit(HARDLY, 1)
        waits = [(await limiter.take("a", limit)).wait for _ in range(50)]
        assert all(wait <= 1 / HARDLY for wait in waits)

    async def test_names_are_counted_apart(self, limiter: Limiter):
        limit = Limit(HARDLY, 1)
        assert (await limiter.take("a", limit)).allowed
        assert (await limiter.take("b", limit)).allowed
        assert not (await limiter.take("a", limit)).allowed

    async def test_whoever_asks_at_once_gets_no_more_than_one_who_asks_in_turn(self, limiter: Limiter):
        limit = Limit(HARDLY, 7)
        taken = await asyncio.gather(*(limiter.take("a", limit) for _ in range(50)))
        assert sum(each.allowed for each in taken) == 7

    async def test_what_was_taken_is_earned_again(self, limiter: Limiter):
        limit = Limit(20, 1)
        assert (await limiter.take("a", limit)).allowed

        async def again() -> bool:
            return (await limiter.take("a", limit)).allowed

        await wait_until(again, "a request is earned")

    @pytest.mark.parametrize("limit", [Limit(1e6, 1_000_000), Limit(1e6, 1), Limit(1e-3, 1), Limit(1e-3, 1_000_000)])
    async def test_the_limits_of_the_settings_can_be_counted(self, limiter: Limiter, limit: Limit):
        taken = await limiter.take("a", limit)
        assert taken.allowed
        assert taken.full == pytest.approx(limit.interval / 1e6)


class TestMemory(LimiterSuite):
    @pytest.fixture
    def limiter(self) -> Limiter:
        return MemoryLimiter()


class TestRedis(LimiterSuite):
    @pytest.fixture
    async def limiter(self, redis_url: str) -> AsyncIterator[Limiter]:
        client = connect(redis_url, timeout=10)
        limiter = RedisLimiter(client, alone=_Never(), timeout=10, prefix=f"test:{uuid.uuid4().hex}:")
        yield limiter
        await client.aclose()


class _Never(MemoryLimiter):
    """Redis is there, so nobody counts alone."""

    async def take(self, name: str, limit: Limit) -> Taken:
        del name, limit
        raise AssertionError("Redis did not answer")
