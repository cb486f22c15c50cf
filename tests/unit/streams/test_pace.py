"""A build is held back as its orders say, with a clock that only moves when somebody sleeps."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.streams.pace import LOOK_SECONDS, Orders, Throttle, Unhurried


class World:
    """A throttle, its orders, and the moments at which events were admitted."""

    def __init__(self, orders: Orders | None = None) -> None:
        self.now = 0.0
        self.heard: list[str | None] = []
        self.admitted: list[tuple[float, int]] = []
        self.throttle = Throttle(clock=lambda: self.now, sleep=self._sleep)
        self.orders = orders
        if orders is not None:
            self.throttle.obey(lambda: self.orders or Orders())

    async def _sleep(self, seconds: float) -> None:
        self.heard.append(self.throttle.held)
        self.now += seconds
        if len(self.heard) == 40 and self.throttle.held != "limited":
            self.orders = Orders()
            self.throttle.obey(Orders)

    async def admit(self, events: int) -> None:
        await self.throttle.admit(events)
        self.admitted.append((self.now, events))


@given(st.floats(0.5, 1_000), st.lists(st.integers(1, 50), min_size=1, max_size=30))
def test_over_any_time_no_more_events_go_in_than_the_limit_allows_and_one_batch(
    rate: float, batches: list[int]
) -> None:
    world = World(Orders(rate))

    async def run() -> None:
        for events in batches:
            await world.admit(events)

    asyncio.run(run())
    for first in range(len(batches)):
        for last in range(first, len(batches)):
            span = world.admitted[last][0] - world.admitted[first][0]
            between = sum(events for _, events in world.admitted[first:last])
            assert between <= rate * span * (1 + 1e-9) + 1e-6
    # And it is not slower than it must be: each wait is over at the first look after its time.
    assert world.now <= sum(batches[:-1]) / rate + len(batches) * LOOK_SECONDS


@pytest.mark.parametrize("orders", [None, Orders(rest="paused"), Orders(rate=5, rest="paused")], ids=str)
async def test_nothing_goes_in_before_the_first_orders_nor_while_it_is_to_rest(orders: Orders | None) -> None:
    world = World(orders)
    await world.admit(1)
    assert world.admitted == [(40 * LOOK_SECONDS, 1)]
    assert set(world.heard) == {"paused" if orders else "starting"}
    assert world.throttle.held is None


async def test_a_limit_that_is_lifted_holds_nothing_back_any_more() -> None:
    world = World(Orders(0.001))
    await world.admit(1_000)
    world.orders = Orders()
    await world.admit(1_000)
    assert world.now == 0.0


@pytest.mark.parametrize(("rate", "most"), [(None, None), (0.2, 1), (7.0, 7), (5_000.0, 5_000)])
def test_a_batch_holds_a_seconds_worth(rate: float | None, most: int | None) -> None:
    assert World(Orders(rate)).throttle.most == most


async def test_a_worker_of_the_live_version_is_never_held() -> None:
    pace = Unhurried()
    await pace.admit(10**9)
    assert (pace.held, pace.most) == (None, None)
