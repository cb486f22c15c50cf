"""How much the search service takes on at once, and what it tells those for whom there is no room."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, Protocol

from freshet.schemas.errors import OverloadedError
from freshet.schemas.words import Word

_WAITING_A_PLACE: Final = 4  # a bound of the queue while nothing is known of how long searches take
_WEIGHT: Final = 0.1  # of the newest measurement: the average is that of some ten searches


class Shed(Word):
    """Why a search was sent away at once instead of being answered late."""

    QUEUE_FULL = "queue_full", "too many were waiting for their turn"
    NO_CHANCE = "no_chance", "by how long searches take now, its turn would have come too late"
    TOO_LATE = "too_late", "its turn had not come when its time to wait was over"
    EMBEDDING = "embedding", "too many queries were waiting for the model"


class ShedError(OverloadedError):
    """We have too much to do ourselves: nothing else is at fault, and it will work in `retry_after` seconds."""

    def __init__(self, operation: str, reason: Shed, *, retry_after: float) -> None:
        super().__init__(operation, reason.meaning, retry_after=retry_after)
        self.reason = reason


class Average:
    """The recent average of what is measured; None before the first."""

    def __init__(self) -> None:
        self.value: float | None = None

    def add(self, value: float) -> None:
        self.value = value if self.value is None else self.value + _WEIGHT * (value - self.value)


class Observer(Protocol):
    """Who is told of it."""

    def entered(self, waited: float) -> None:
        """One is in, after it has waited so many seconds."""
        ...

    def left(self) -> None:
        """One is out again."""
        ...


class Admission:
    """Lets at most `places` searches work at once; others wait for their turn, first come, first served.

    None waits longer than `seconds`: whoever would, by how long searches take now, is sent away at once, for an answer
    that comes too late is work for nothing. Whoever is cancelled leaves at once. For one event loop.
    """

    def __init__(
        self, *, places: int, seconds: float, observer: Observer, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._places = places
        self._seconds = seconds
        self._observer = observer
        self._clock = clock
        self._working = 0
        self._queue: deque[asyncio.Future[None]] = deque()
        self._took = Average()

    @property
    def working(self) -> int:
        """How many are in."""
        return self._working

    @property
    def waiting(self) -> int:
        """How many are not."""
        return len(self._queue)

    @property
    def idle(self) -> bool:
        """Whether nobody waits and half of the places are free: time for what can wait."""
        return not self._queue and self._working <= self._places // 2

    @asynccontextmanager
    async def enter(self, *, seconds_left: float | None = None) -> AsyncIterator[None]:
        """Be in for as long as the context is open; `seconds_left` is what the caller has for all of it.

        Raises ShedError where it is not to be.
        """
        arrived = self._clock()
        if self._working < self._places:  # then nobody waits
            self._working += 1
        else:
            await self._wait(seconds_left)
        entered = self._clock()
        self._observer.entered(entered - arrived)
        try:
            yield
        finally:
            self._took.add(self._clock() - entered)
            self._observer.left()
            self._leave()

    async def _wait(self, seconds_left: float | None) -> None:
        """Return when a place has been handed over."""
        patience = self._patience(seconds_left)
        if len(self._queue) >= self._places * _WAITING_A_PLACE:
            raise self._shed(Shed.QUEUE_FULL)
        if self._expected(len(self._queue) + 1) > patience:
            raise self._shed(Shed.NO_CHANCE)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            async with asyncio.timeout(patience):
                await turn
        except TimeoutError:
            self._give_up(turn)
            raise self._shed(Shed.TOO_LATE) from None
        except asyncio.CancelledError:
            self._give_up(turn)
            raise

    def _patience(self, seconds_left: float | None) -> float:
        """How long one may wait and still have the time that a search takes."""
        if seconds_left is None:
            return self._seconds
        return max(0.0, min(self._seconds, seconds_left - (self._took.value or 0.0)))

    def _expected(self, number: int) -> float:
        """Seconds until it is the turn of this number in the queue: places come free at places ÷ time of a search."""
        return number * (self._took.value or 0.0) / self._places

    def _leave(self) -> None:
        """Hand one's place to the first who waits."""
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():  # else who waited was cancelled a moment ago
                turn.set_result(None)
                return
        self._working -= 1

    def _give_up(self, turn: asyncio.Future[None]) -> None:
        if not turn.cancelled():  # the place was handed over in the same moment
            self._leave()
        elif turn in self._queue:
            self._queue.remove(turn)

    def _shed(self, reason: Shed) -> ShedError:
        return ShedError("search", reason, retry_after=self._expected(len(self._queue) + 1))
