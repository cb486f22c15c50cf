"""The same world as a state machine of Hypothesis, which makes what goes wrong as short as it can."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from freshet.schemas.positions import Order
from tests.support.scale import count
from tests.unit.caching.driver import Counts, Driver

LOGGER = logging.getLogger("freshet.search.feed.tail")
DEEDS = ("publish", "work", "sleepers_work", "own", "follow", "search", "search", "ask", "ask")
SELDOM = ("count_terms", "restart", "lose_kafka", "find_kafka", "be_silent", "touch_store", "build", "promote")


class Caches(RuleBasedStateMachine):
    """What the driver may do, in any order; it asserts after each deed, and at the end when all is quiet."""

    def __init__(self) -> None:
        super().__init__()
        LOGGER.setLevel(logging.ERROR)  # tails that lose Kafka all the time have much to say
        self.loop = asyncio.new_event_loop()
        self.driver: Driver | None = None

    def run(self, work: Awaitable[None]) -> None:
        async def doing() -> None:
            await work

        self.loop.run_until_complete(doing())

    def do(self, name: str) -> None:
        assert self.driver is not None
        deed: Callable[[], Awaitable[None]] = getattr(self.driver, f"_{name}")
        self.run(self.driver.do(deed))

    @initialize(seed=st.integers(0, 2**32), order=st.sampled_from(Order))
    def begin(self, seed: int, order: Order) -> None:
        self.driver = Driver(seed, order, Counts())
        self.run(self.driver.begin())

    @rule(names=st.lists(st.sampled_from(DEEDS), min_size=1, max_size=20))
    def go_on(self, names: list[str]) -> None:
        for name in names:
            self.do(name)

    @rule(name=st.sampled_from(SELDOM))
    def meddle(self, name: str) -> None:
        self.do(name)

    def teardown(self) -> None:
        try:
            if self.driver is not None:
                try:
                    self.run(self.driver.quiet())
                finally:
                    self.run(self.driver.end())
        finally:
            LOGGER.setLevel(logging.NOTSET)
            self.loop.close()


TestCaches = Caches.TestCase
TestCaches.settings = settings(
    max_examples=count(400), stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
