"""Asking popular queries in advance: at the start of a process, and when another index version has become live."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from freshet.schemas.errors import FreshetError
from freshet.schemas.http import SearchRequest
from freshet.search.asking import InvalidSearch
from freshet.search.results.popular import Popular
from freshet.search.results.upkeep import Warmed

LOOK_SECONDS: Final = 1.0  # how often it is looked which version is live, and while others are busy, whether they are
GIVE_UP: Final = 3  # searches that fail one after the other: more would not go better

logger = logging.getLogger(__name__)


class Warming:
    """Keeps the answers to the `most` popular requests in the cache, one after the other.

    It asks only when `quiet` says that nobody waits, and rests after each for as long as it took: it never has more
    than half of one search's place. `search` answers a request that nobody made. `version` names the live version whose
    answers are kept, None while there is none; it may raise FreshetError.
    """

    def __init__(
        self,
        *,
        popular: Popular,
        most: int,
        search: Callable[[SearchRequest], Awaitable[Any]],
        version: Callable[[], Awaitable[str | None]],
        quiet: Callable[[], bool],
        counted: Callable[[Warmed], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._popular = popular
        self._most = most
        self._search = search
        self._version = version
        self._quiet = quiet
        self._counted = counted
        self._clock = clock
        self._sleep = sleep

    async def run(self) -> None:
        """Ask them again whenever another version is live, until cancelled."""
        warmed: str | None = None
        while True:
            version = await self._live()
            if version is not None and version != warmed and self._quiet() and await self._warm(version):
                warmed = version
            await self._sleep(LOOK_SECONDS)

    async def _warm(self, version: str) -> bool:
        """Ask them all; whether this version was live until the end."""
        done = failed = 0
        for request in self._popular.top(self._most):
            while not self._quiet():
                await self._sleep(LOOK_SECONDS)
            if await self._live() != version:
                return False
            outcome = await self._ask(request)
            self._counted(outcome)
            done += outcome is Warmed.DONE
            failed = failed + 1 if outcome is Warmed.FAILED else 0
            if failed == GIVE_UP:
                break
        if done:
            told = "%d popular queries were asked in advance of %s"
            logger.info(told, done, version, extra={"action": "warmed"})
        return True

    async def _ask(self, request: SearchRequest) -> Warmed:
        began = self._clock()
        try:
            await self._search(request)
        except InvalidSearch:  # it was popular, but never answered: that says nothing of the others
            return Warmed.REFUSED
        except FreshetError:  # whoever asks it next is told
            return Warmed.FAILED
        await self._sleep(self._clock() - began)
        return Warmed.DONE

    async def _live(self) -> str | None:
        try:
            return await self._version()
        except FreshetError:  # the checks tell it
            return None
