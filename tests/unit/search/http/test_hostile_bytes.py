"""A thousand hostile inputs on the raw socket (a twentieth in `make test`): see tests/support/hostile.py."""

from __future__ import annotations

import gc
import logging
import os

import pytest

from freshet.search.http.connections import Limits
from tests.support.hostile import ask_all, resident_kb
from tests.support.hostile_inputs import hostile
from tests.support.scale import count
from tests.unit.search.http.world import World

MOST_GROWTH_KB = 60_000  # of the service and of this test, which holds what it sends


@pytest.mark.soak
async def test_whatever_bytes_come_none_is_answered_with_a_failure_and_the_service_goes_on(caplog):
    world = World()
    world.reader.put("cats", "the cat sat on a mat")
    limits = Limits(head_seconds=0.3)
    inputs = list(hostile(count(1_000), seed=1))
    async with world.serving(deadline_seconds=0.5, max_body_bytes=1_000_000, limits=limits):
        await ask_all(world.port, inputs[:20])
        before = resident_kb(os.getpid())
        wrong = await ask_all(world.port, inputs)
        assert wrong == []
        gc.collect()
        assert resident_kb(os.getpid()) - before < MOST_GROWTH_KB
        assert [each["id"] for each in (await world.search("cat")).json["results"]] == ["cats"]
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
