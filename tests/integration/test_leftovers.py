"""What answers in a real Redis hold of a document, found without knowing what was asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

import pytest

from freshet.local.processes import free_port
from freshet.schemas.errors import TransientError
from freshet.search.redis import connect
from freshet.search.results.leftovers import Leftovers, Wanted, find_leftovers
from freshet.search.results.redis import KEY_PREFIX, RedisResults
from freshet.search.results.upkeep import Shared
from tests.support.servers import LocalRedis
from tests.support.waiting import wait_until
from tests.unit.search.results.test_entry import RESULT, entry

Start = Callable[[], Awaitable[LocalRedis]]
MANY = 700  # more than one page of names


async def kept(url: str, answers: dict[str, bytes]) -> None:
    counts = Counter[Shared]()

    def counted(outcome: Shared, count: int) -> None:
        counts[outcome] += count

    def all_written(number: int) -> bool:
        return counts[Shared.WRITTEN] >= number

    results = RedisResults(connect(url, timeout=10), timeout=10, counted=counted)
    for number, (key, value) in enumerate(answers.items(), start=1):
        await results.put(key, value, ttl=1_000)
        if number % 100 == 0 or number == len(answers):
            await wait_until(partial(all_written, number))
    await results.close()


def answer(*shown: str, met: set[str], expires: float = 1.0, topic: str = "documents") -> bytes:
    results = [RESULT.model_copy(update={"id": each}) for each in shown]
    content = entry().content.model_copy(update={"results": results, "topic": topic})
    return replace(entry(), content=content, met=frozenset(met), expires=expires).to_bytes()


async def look(url: str, key: str, document_id: str, seconds: float = 60) -> Leftovers:
    async with connect(url, timeout=10) as client:
        return await find_leftovers(client, Wanted("documents", key, document_id), seconds=seconds)


async def test_answers_that_show_a_document_and_those_that_hold_its_key_are_found_among_others(
    restartable_redis: Start,
):
    server = await restartable_redis()
    await kept(
        server.url,
        {f"{number:04}": answer("b", met={f"acme/{number}", "b"}, expires=9.0) for number in range(MANY)}
        | {
            "shown": answer('a"ü', "b", met={'acme/a"ü', "b"}, expires=2.0),
            "shown-2": answer('a"ü', met={'acme/a"ü'}, expires=3.0),
            "met": answer("b", met={'acme/a"ü', "b"}),
            "of-another-tenant": answer('a"ü', met={'other/a"ü'}),
            "of-another-topic": answer('a"ü', met={'acme/a"ü'}, topic="notes"),
            "longer": answer("b", met={'acme/a"ü-2'}),
            "broken": answer('a"ü', met={'acme/a"ü'})[:-1],
        },
    )
    async with connect(server.url, timeout=10) as client:
        await client.set(f"{KEY_PREFIX}damaged", b'FRA\x00..."acme/a\\"\xc3\xbc"')
        await client.set("freshet:embedding:x", answer('a"ü', met={'acme/a"ü'}))

    found = await look(server.url, 'acme/a"ü', 'a"ü')
    assert found.showing == [f"{KEY_PREFIX}shown", f"{KEY_PREFIX}shown-2"]
    assert found.naming == [f"{KEY_PREFIX}met"]
    assert (found.expires, found.looked, found.complete) == (3.0, MANY + 8, True)
    assert not (await look(server.url, "acme/nobody", "nobody")).showing


async def test_a_redis_that_refuses_is_told(restartable_redis: Start):
    server = await restartable_redis()
    async with connect(server.url, timeout=10) as client:
        await client.execute_command("ACL", "SETUSER", "operator", "on", ">secret", "~freshet:*", "+mget")
    with pytest.raises(TransientError, match="NoPermission"):
        await look(server.url.replace("redis://", "redis://operator:secret@"), "a", "a")


async def test_what_there_was_no_time_for_is_told(restartable_redis: Start):
    server = await restartable_redis()
    await kept(server.url, {"shown": answer("a", met={"a"})})
    found = await look(server.url, "a", "a", seconds=0)
    assert (found.showing, found.looked, found.complete) == ([], 0, False)


async def test_a_redis_that_is_away_is_told():
    with pytest.raises(TransientError, match="look through the kept answers"):
        await look(f"redis://127.0.0.1:{free_port()}/0", "a", "a")
