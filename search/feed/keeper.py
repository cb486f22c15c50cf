"""Following the feed of the topic that the live index version follows, whichever that is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final

from freshet.search.feed.mark import Mark
from freshet.search.feed.metrics import FeedMetrics
from freshet.search.feed.tail import Tail
from freshet.search.index.facts import TOPIC_ID
from freshet.search.live import LiveIndex

LOOK_SECONDS: Final = 0.5


class Keeper:
    """`Following` over the feed that belongs to the live version; it changes the feed when that changes its topic.

    Until a version is live it follows the feed of `topic`. `open_tail` makes a tail of the feed of a documents topic.
    Only what is said of versions that follow that topic is true, so it is never sure while another one is live.
    """

    def __init__(
        self,
        *,
        live: LiveIndex,
        topic: str,
        open_tail: Callable[[str], Tail],
        metrics: FeedMetrics,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._live = live
        self._supposed = topic
        self._open_tail = open_tail
        self._sleep = sleep
        self._tail = open_tail(topic)
        metrics.follow(lambda: self.sure)

    @property
    def identity(self) -> str | None:
        """As `Following.identity`."""
        return self._tail.identity

    @property
    def sure(self) -> bool:
        """As `Following.sure`."""
        return self._fits and self._tail.sure

    def mark(self, version: str) -> Mark:
        """As `Following.mark`."""
        return self._tail.mark(version) if self._fits else Mark({}, {})

    async def reached(self, version: str, wanted: Mapping[int, int], *, seconds: float) -> bool:
        """As `Following.reached`; False early where the feed is changed meanwhile."""
        return self._fits and await self._tail.reached(version, wanted, seconds=seconds) and self._fits

    async def tried(self, *, seconds: float) -> None:
        """Wait until the first feed is followed, or could not be, but not for longer than this."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._tail.tried.wait()

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            running = asyncio.create_task(self._tail.run())
            try:
                await self._until_it_moves()
            finally:
                running.cancel()
                await asyncio.wait({running})
            self._tail = self._open_tail(self._topic)

    async def _until_it_moves(self) -> None:
        while self._topic == self._tail.topic:
            with suppress(Exception):  # the checks tell it, and whatever it is, the feed is followed all the same
                self._tail.mark((await self._live.current()).told)  # so that it knows how far that is when it is asked
            await self._sleep(LOOK_SECONDS)

    @property
    def _topic(self) -> str:
        """The documents topic of the version that was live when it was last looked for."""
        return (self._live.last.topic if self._live.last is not None else "") or self._supposed

    @property
    def _fits(self) -> bool:
        """Whether the live version was made from the topic whose feed is followed, and not from an earlier one."""
        if self._topic != self._tail.topic:
            return False
        recorded = None if self._live.last is None else self._live.last.info.metadata.get(TOPIC_ID)
        return recorded is None or self._tail.source is None or recorded == self._tail.source
