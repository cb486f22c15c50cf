"""A thousand hostile inputs on the raw socket (a twentieth in `make test`): see tests/support/hostile.py."""

from __future__ import annotations

import asyncio
import gc
import logging
import re
from pathlib import Path

import pytest

from freshet.search.http.connections import Limits
from tests.support.hostile import Hostile, hostile, judge, send
from tests.support.scale import count
from tests.unit.search.http.world import World

AT_ONCE = 10
MOST_GROWTH_KB = 60_000  # of the service and of this test, which holds what it sends


@pytest.mark.soak
async def test_whatever_bytes_come_none_is_answered_with_a_failure_and_the_service_goes_on(caplog):
    world = World()
    world.reader.put("cats", "the cat sat on a mat")
    limits = Limits(head_seconds=0.3)
    inputs = list(hostile(count(1_000), seed=1))
    async with world.serving(deadline_seconds=0.5, max_body_bytes=1_000_000, limits=limits):
        await ask_all(world.port, inputs[:20])
        before = resident_kb()
        wrong = await ask_all(world.port, inputs)
        assert wrong == []
        gc.collect()
        assert resident_kb() - before < MOST_GROWTH_KB
        assert [each["id"] for each in (await world.search("cat")).json["results"]] == ["cats"]
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


async def ask_all(port: int, inputs: list[Hostile]) -> list[tuple[str, str, bytes]]:
    """What was wrong: the kind of input, what came, and what had been sent."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(given: Hostile) -> tuple[str, str, bytes] | None:
        async with gate:
            wrong = judge(given, await send(port, given))
            return (given.kind, wrong, given.sent[:300]) if wrong else None

    return [each for each in await asyncio.gather(*map(one, inputs)) if each]


def resident_kb() -> int:
    return int(re.findall(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text())[0])
