"""Events wait for faults, and faults for events, and neither for ever."""

import asyncio

import pytest

from tests.chaos.pace import Pace

SOON = 0.2


async def publish_all(pace):
    while await pace.more():
        pace.count += 1


async def test_events_wait_where_the_next_fault_begins():
    pace = Pace(10, lanes=2)
    pace.limits = [7, 4]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(SOON):
            await publish_all(pace)
    assert pace.count == 5


async def test_a_fault_may_have_more_of_them_even_at_the_end():
    pace = Pace(10, lanes=1)
    publishing = asyncio.create_task(publish_all(pace))
    await pace.reach(10)
    await pace.overtake(3)
    assert pace.count == 13
    pace.over = True
    await publishing
    assert pace.count == 13


async def test_it_is_over_only_when_all_are_published():
    pace = Pace(10, lanes=0)
    pace.limits = [3]
    pace.over = True
    publishing = asyncio.create_task(publish_all(pace))
    await pace.reach(4)
    pace.limits = [99]
    await publishing
    assert pace.count == 10
