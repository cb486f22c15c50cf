"""Answers that show certain events: waiting for those, and saying which of them an answer may not show.

An answer is judged by the watermarks that were noted before it was read, so nothing depends on how the wait ended.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final

from freshet.schemas.http import IndexState
from freshet.schemas.positions import FreshnessToken
from freshet.search.feed.base import Following
from freshet.search.feed.metrics import FeedMetrics, Waited
from freshet.search.index.base import VersionInfo
from freshet.search.index.facts import incarnation, told_as
from freshet.search.live import LiveIndex, LiveVersion

AGAIN_SECONDS: Final = 0.1  # between two looks for the version and its feed, where nobody can say how far that is


class Freshness:
    """Waits for events. Safe to call from several tasks at once; without `following` nothing can be waited for."""

    def __init__(
        self,
        *,
        index: LiveIndex,
        following: Following | None,
        metrics: FeedMetrics,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._index = index
        self._following = following
        self._metrics = metrics
        self._clock = clock
        self._sleep = sleep
        self._ended = asyncio.Event()

    async def wait(self, tokens: Sequence[str], *, seconds: float) -> bool:
        """Return once the live version holds the events of all tokens, or after `seconds`; whether there was a wait.

        For those of another topic than the version's nobody waits. Raises what the index raises.
        """
        following = self._following
        if not tokens or following is None:
            return False
        wanted, end = [FreshnessToken.parse(each) for each in tokens], self._clock() + seconds
        if await self._is_held_already(following, wanted):
            return False
        live = await self._index.current()
        while True:
            left = max(0.0, end - self._clock())
            before, held = live, await self._reached(following, live.told, _offsets(wanted, live), left)
            live = await self._index.current()  # another may be live since
            if (held and live is before) or self._clock() >= end or self._ended.is_set():
                return True
            if not held:
                await self._sleep(min(AGAIN_SECONDS, max(0.0, end - self._clock())))

    def pending(self, tokens: Iterable[str], index: IndexState) -> list[str]:
        """Those tokens whose events an answer may not show that was read from `index`. It is counted."""
        tokens = list(tokens)
        if not tokens:
            return []
        late = [each for each in tokens if not _is_held(FreshnessToken.parse(each), index)]
        self._metrics.waited(Waited.LATE if late else Waited.MET)
        return late

    def end(self) -> None:
        """Let everybody go who waits; from now on nobody does."""
        self._ended.set()

    async def _is_held_already(self, following: Following, wanted: Sequence[FreshnessToken]) -> bool:
        """Whether nobody has to wait, or to ask which version is live: whoever answers will do that."""
        last = self._index.last
        return last is not None and await following.reached(last.told, _offsets(wanted, last), seconds=0)

    async def _reached(self, following: Following, version: str, offsets: Mapping[int, int], seconds: float) -> bool:
        """As `Following.reached`, until nobody waits any more."""
        if seconds <= 0 or self._ended.is_set():
            return await following.reached(version, offsets, seconds=0)
        reached = asyncio.create_task(following.reached(version, offsets, seconds=seconds))
        ended = asyncio.create_task(self._ended.wait())
        try:
            await asyncio.wait({reached, ended}, return_when=asyncio.FIRST_COMPLETED)
            return reached.done() and reached.result()
        finally:
            reached.cancel()
            ended.cancel()


def index_state(following: Following | None, version: VersionInfo) -> IndexState:
    """How far a version is now. Whoever reads it from now on reads all that lies below the watermarks."""
    told = told_as(version.name, incarnation(version.metadata))
    watermarks = {} if following is None else following.mark(told).watermarks
    return IndexState(version=version.name, topic=str(version.metadata.get("topic", "")), watermarks=dict(watermarks))


def tokens_of(index: IndexState) -> list[str]:
    """By partition the token of the last event that an answer shows for sure; whoever sends them sees nothing older."""
    told = sorted(index.watermarks.items())
    return [str(FreshnessToken(index.topic, partition, offset - 1)) for partition, offset in told if offset > 0]


def watermarks_of(tokens: Iterable[str]) -> dict[int, int]:
    """By partition, the watermark at which all of their events are held."""
    return _highest(map(FreshnessToken.parse, tokens))


def _offsets(wanted: Iterable[FreshnessToken], live: LiveVersion) -> dict[int, int]:
    """By partition, the watermark at which a version holds those of its own topic."""
    return _highest(each for each in wanted if each.topic == live.topic)


def _highest(wanted: Iterable[FreshnessToken]) -> dict[int, int]:
    offsets: dict[int, int] = {}
    for each in wanted:
        offsets[each.partition] = max(each.offset + 1, offsets.get(each.partition, 0))
    return offsets


def _is_held(token: FreshnessToken, index: IndexState) -> bool:
    return token.topic == index.topic and token.offset < index.watermarks.get(token.partition, 0)
