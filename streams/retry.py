"""Errors from outside are weather: try again with backoff and jitter; say once when it begins and once when it ends."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from freshet.schemas.errors import DeniedError, FreshetError, OutsideError, OverloadedError, TransientError

T = TypeVar("T")
FIRST_WAIT: Final = 0.1  # seconds; doubles with each try
LONGEST_STEP: Final = 1.0
logger = logging.getLogger(__name__)


def always() -> bool:
    """Of work that nobody can take over: it is wanted until it is done."""
    return True


class AbandonedError(FreshetError):
    """The work is no longer ours to do: its partitions went to somebody else, or the process is ending."""


class Weather:
    """What fails at the moment, by operation; feeds `/readyz` and the log.

    Several may try the same operation at once, each with a `who` of its own: it works again once it does for all.
    """

    def __init__(self) -> None:
        self._failing: dict[str, dict[object, OutsideError]] = defaultdict(dict)

    @property
    def failing(self) -> list[str]:
        """One line for each operation that is being retried now."""
        return [str(next(reversed(errors.values()))) for errors in self._failing.values() if errors]

    def begins(self, operation: str, error: OutsideError, who: object = None) -> None:
        trying = self._failing[operation]
        if not trying:
            logger.warning("%s fails and is retried until it works: %s", operation, error)
        trying[who] = error

    def left(self, operation: str, who: object = None) -> None:
        """This one tries no more, so it will not see it end."""
        self._failing[operation].pop(who, None)

    def ends(self, operation: str, who: object = None) -> None:
        trying = self._failing[operation]
        if trying.pop(who, None) is not None and not trying:
            logger.warning("%s works again", operation)


class Retry:
    """Runs calls until they work, are refused for good, or nobody needs them any more.

    A `patient` one waits even where somebody must first change a key or a right.
    """

    def __init__(
        self,
        *,
        weather: Weather,
        longest_wait: float,
        patient: bool = False,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._weather = weather
        self._longest = longest_wait
        self._retried = (TransientError, OverloadedError, DeniedError) if patient else (TransientError, OverloadedError)
        self._sleep = sleep
        self._jitter = jitter

    async def __call__(self, operation: str, call: Callable[[], Awaitable[T]], wanted: Callable[[], bool]) -> T:
        """The result of `call`. Raises PermanentError as it comes, and AbandonedError once `wanted()` is false."""
        who = object()
        try:
            return await self._until_it_works(operation, call, wanted, who)
        finally:
            self._weather.left(operation, who)

    async def _until_it_works(
        self, operation: str, call: Callable[[], Awaitable[T]], wanted: Callable[[], bool], who: object
    ) -> T:
        tries = 0
        while wanted():
            try:
                result = await call()
            except self._retried as error:
                self._weather.begins(operation, error, who)
                await self._pause(self._wait(tries, error), wanted)
                tries += 1
            else:
                self._weather.ends(operation, who)
                return result
        raise AbandonedError(operation)

    async def _pause(self, seconds: float, wanted: Callable[[], bool]) -> None:
        """Sleep in short steps, so that who is not wanted any more does not hold up others."""
        while seconds > 0 and wanted():
            await self._sleep(min(seconds, LONGEST_STEP))
            seconds -= LONGEST_STEP

    def _wait(self, tries: int, error: OutsideError) -> float:
        """Seconds: "equal jitter", between half the backoff and all of it, but never less than what was asked for.

        https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
        """
        backoff = min(self._longest, FIRST_WAIT * 2.0 ** min(tries, 20))
        wait = backoff * (1 + self._jitter()) / 2
        return max(wait, error.retry_after) if isinstance(error, OverloadedError) else wait
