"""Counting requests in a real Redis: together with others, in one round trip, and alone while it is away."""

from __future__ import annotations

import logging
import uuid
from contextlib import AsyncExitStack
from typing import Any

import pytest
from redis.asyncio import Redis

from freshet.schemas.access import key_hash
from freshet.search.limits.base import Limit
from freshet.search.limits.memory import MemoryLimiter
from freshet.search.limits.redis import RedisLimiter
from freshet.search.redis import connect
from freshet.settings import load_settings
from freshet.wiring.access import open_limiter
from tests.support.waiting import wait_until

HARDLY = 0.001
LOGGER = "freshet.search.limits.redis"


@pytest.fixture
def prefix() -> str:
    return f"test:{uuid.uuid4().hex}:"


def limiter(client: Redis, prefix: str = "test:", *, timeout: float = 10) -> RedisLimiter:
    return RedisLimiter(client, alone=MemoryLimiter(), timeout=timeout, prefix=prefix)


async def test_processes_count_together(redis_url, prefix):
    one, two = (limiter(connect(redis_url, timeout=10), prefix) for _ in range(2))
    limit = Limit(HARDLY, 3)
    taken = [await each.take("a", limit) for each in (one, two, one, two)]
    assert [each.allowed for each in taken] == [True, True, True, False]
    for each in (one, two):
        await each.close()


async def test_a_request_costs_one_round_trip_and_what_is_kept_goes_when_it_tells_nothing_more(
    redis_url, prefix, monkeypatch
):
    client = connect(redis_url, timeout=10)
    counting = limiter(client, prefix)
    await counting.take("a", Limit(1, 5))
    sent: list[Any] = []
    real = client.execute_command

    async def execute(*arguments: Any, **options: Any) -> Any:
        sent.append(arguments[0])
        return await real(*arguments, **options)

    monkeypatch.setattr(client, "execute_command", execute)
    await counting.take("a", Limit(1, 5))
    assert sent == ["EVALSHA"]
    monkeypatch.undo()
    [key] = await client.keys(f"{prefix}*")
    assert 0 < await client.pttl(key) <= 2_000
    await counting.close()


async def test_a_script_that_redis_has_forgotten_is_sent_again(redis_url, prefix):
    client = connect(redis_url, timeout=10)
    counting = limiter(client, prefix)
    assert (await counting.take("a", Limit(HARDLY, 2))).allowed
    await client.script_flush()
    assert (await counting.take("a", Limit(HARDLY, 2))).remaining == 0
    await counting.close()


async def test_while_redis_is_away_a_process_counts_alone_and_says_so_once(restartable_redis, caplog):
    caplog.set_level(logging.INFO, LOGGER)
    redis = await restartable_redis()
    counting = limiter(connect(redis.url, timeout=0.5), timeout=0.5)
    limit = Limit(HARDLY, 2)
    assert (await counting.take("a", limit)).allowed
    await redis.stop()
    taken = [await counting.take("a", limit) for _ in range(4)]
    assert [each.allowed for each in taken] == [True, True, False, False]
    await redis.start()

    async def is_back() -> bool:
        return (await counting.take("a", limit)).allowed

    await wait_until(is_back, "Redis counts again")
    assert [record.action for record in caplog.records if record.name == LOGGER] == ["limits_away", "limits_back"]
    await counting.close()


async def test_a_redis_that_does_not_answer_holds_nobody_up(restartable_redis):
    redis = await restartable_redis()
    counting = limiter(connect(redis.url, timeout=0.2), timeout=0.2)
    limit = Limit(HARDLY, 1)
    await counting.take("a", limit)
    redis.process.pause()
    assert (await counting.take("a", limit)).allowed
    assert not (await counting.take("a", limit)).allowed
    redis.process.resume()
    await counting.close()


async def test_a_service_with_keys_and_a_redis_counts_there_and_any_other_by_itself(redis_url):
    limit, name = Limit(HARDLY, 1), uuid.uuid4().hex
    keys = [{"name": "a", "hash": key_hash("fk_a"), "scopes": ["search"]}]

    async def taken(**given: Any) -> list[bool]:
        """Whether each of two processes of these settings lets a request through."""
        async with AsyncExitStack() as stack:
            both = [open_limiter(load_settings(**given), stack) for _ in range(2)]
            return [(await each.take(name, limit)).allowed for each in both]

    redis = {"url": redis_url, "timeout_seconds": 10}
    assert await taken(redis=redis, search={"keys": keys}) == [True, False]
    assert await taken(search={"keys": keys}) == [True, True]
    assert await taken(redis=redis) == [True, True]
