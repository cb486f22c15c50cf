"""Faults of servers, done: outages that are over when they return, and bad weather that lasts a while."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from freshet.local.engine import LocalQdrant
from freshet.local.kafka import LocalKafka
from tests.chaos.schedule import Fault, Step
from tests.chaos.stage import Stage
from tests.chaos.weather import bad_weather, trouble
from tests.support.http_proxy import HttpProxy
from tests.support.proxy import TcpProxy
from tests.support.servers import LocalRedis
from tests.support.waiting import wait_until

logger = logging.getLogger(__name__)
Server = LocalKafka | LocalQdrant | LocalRedis
OUTAGE_SECONDS: Final = 2.0  # at most
WEATHER_REQUESTS: Final = 10  # in trouble before the next fault may begin
WEATHER_SECONDS: Final = 3.0  # at most, where nobody asks
MORE_SECONDS: Final = 4.0  # of bad weather, while the next faults come


class ServerFaults:
    """Does steps one after the other, and counts them in `done`."""

    def __init__(self, stage: Stage) -> None:
        self.done: Counter[Fault] = Counter()
        self._stage = stage
        self._ways: dict[Fault, Callable[[random.Random], Awaitable[None]]] = {
            Fault.KAFKA: partial(self._take_away, stage.kafka),
            Fault.QDRANT: partial(self._take_away, stage.qdrant),
            Fault.REDIS: partial(self._take_away, stage.redis),
            Fault.KAFKA_WEATHER: partial(self._worsen, stage.kafka_proxy),
            Fault.QDRANT_WEATHER: self._worsen_qdrant,
            Fault.REDIS_WEATHER: partial(self._worsen, stage.redis_proxy),
        }

    @property
    def troubled(self) -> dict[str, int]:
        """How often bad weather befell an answer, by server."""
        stage = self._stage
        counts = stage.kafka_proxy.troubled, stage.qdrant_proxy.troubled, stage.redis_proxy.troubled
        return dict(zip(("Kafka", "Qdrant", "Redis"), counts, strict=True))

    async def do(self, step: Step) -> None:
        """Do one step. Bad weather lasts into the next ones."""
        logger.info("%s, after %s events", step.fault.value, step.at)
        await self._ways[step.fault](step.chance)
        self.done[step.fault] += 1

    def calm(self) -> None:
        for proxy in (self._stage.kafka_proxy, self._stage.qdrant_proxy, self._stage.redis_proxy):
            proxy.calm()

    async def _take_away(self, server: Server, rng: random.Random) -> None:
        """A server is killed, told to stop, or hangs; and comes back."""
        process = server.process
        seconds = rng.uniform(0.2, OUTAGE_SECONDS)
        way = rng.choice(("kill", "stop", "pause"))
        if way == "pause":
            process.pause()
            await asyncio.sleep(seconds + 1)  # longer than clients wait for an answer, sometimes
            process.resume()
            return
        await (process.kill() if way == "kill" else process.stop())
        await asyncio.sleep(seconds)
        await process.start()

    async def _worsen_qdrant(self, rng: random.Random) -> None:
        self._stage.qdrant_proxy.weather = bad_weather(rng)
        await self._suffer(self._stage.qdrant_proxy)

    async def _worsen(self, proxy: TcpProxy, rng: random.Random) -> None:
        proxy.trouble = partial(trouble, rng)
        await self._suffer(proxy)

    async def _suffer(self, proxy: HttpProxy | TcpProxy) -> None:
        """Wait until something has happened; more of it happens for a while."""
        enough = proxy.troubled + WEATHER_REQUESTS
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WEATHER_SECONDS):
                await wait_until(lambda: proxy.troubled >= enough)
        asyncio.get_running_loop().call_later(MORE_SECONDS, proxy.calm)
