"""Following one change feed: what changed, as it happens, and how far each index version is.

start: look at the topics → read what was committed → read the feed's ends → begin some way before them
then:  fetch → tell the sink, raise watermarks → fetch …
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Annotated, Any, Final

from pydantic import Field, TypeAdapter

from freshet.schemas.errors import OutsideError, TransientError
from freshet.schemas.feed import Change, Watermark
from freshet.search.feed.base import ChangeSink
from freshet.search.feed.changes import read_change
from freshet.search.feed.mark import Mark
from freshet.search.feed.metrics import FeedMetrics
from freshet.search.feed.watermarks import Watermarks, passed
from freshet.search.index.facts import told_as
from freshet.search.ports import ChangeFeed, FeedRecord, FeedRecords, FeedTopics

SILENT_SECONDS: Final = 5.0  # without a word of one partition nobody knows any more what lies there
LOOK_SECONDS: Final = 3.0  # between two looks at the topics
BACK: Final = 4_000  # records before the ends: what entries of other processes are held against after a start
FIRST_WAIT: Final = 0.2  # seconds before another try; doubles with each
LONGEST_WAIT: Final = 5.0
_OPERATION: Final = "follow the change feed"
_AT_ONCE: Final = 16  # records between two turns of the event loop: reading their arrays takes time

_RECORD: Final[TypeAdapter[Change | Watermark]] = TypeAdapter(
    Annotated[Change | Watermark, Field(discriminator="kind")]
)
logger = logging.getLogger(__name__)


class Tail:
    """`Following` over the feed of one documents topic. `run` follows until it is cancelled, whatever goes wrong.

    `sink` hears of every change that is seen. Positions, watermarks and what the sink has heard move together, within
    one instant of the event loop.
    """

    def __init__(
        self,
        feed: ChangeFeed,
        *,
        topic: str,
        sink: ChangeSink,
        metrics: FeedMetrics,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.topic = topic  # the documents topic
        self.tried = asyncio.Event()  # set once it follows, or has failed to
        self._feed = feed
        self._sink = sink
        self._metrics = metrics
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._topics: FeedTopics | None = None
        self._watermarks = Watermarks()
        self._positions: dict[int, int] = {}
        self._ends: Mapping[int, int] | None = None  # of the feed, when it began; None while it does not read
        self._fetched = False  # since then: that it could be begun does not say that it can be read
        self._heard = -math.inf
        self._asked: set[str] = set()  # versions that somebody wants to know of
        self._unmet: asyncio.Queue[str] = asyncio.Queue()
        self._early: frozenset[str] = frozenset()  # versions whose commits were read before the first record was
        self._moved = asyncio.Event()
        self._ended = False
        self._failed = False
        self._complained = False

    @property
    def identity(self) -> str | None:
        """As `Following.identity`."""
        return None if self._topics is None else self._topics.identity

    @property
    def source(self) -> str | None:
        """The id of the documents topic; None where it is not known."""
        return None if self._topics is None else self._topics.source

    @property
    def sure(self) -> bool:
        """As `Following.sure`: it reads, has passed what was the end when it began, and hears of every partition."""
        return self._caught_up and self._clock() - self._heard < SILENT_SECONDS

    def mark(self, version: str) -> Mark:
        """As `Following.mark`."""
        self._meet(version)
        return Mark(dict(self._positions), self._watermarks.of(version))

    async def reached(self, version: str, wanted: Mapping[int, int], *, seconds: float) -> bool:
        """As `Following.reached`; False at once when this tail has ended."""
        self._meet(version)
        try:
            async with asyncio.timeout(seconds):
                while not self._ended and not self._watermarks.have(version, wanted):
                    await self._moved.wait()
        except TimeoutError:
            return False
        return self._watermarks.have(version, wanted)

    async def run(self) -> None:
        """Follow until cancelled."""
        tries, back = 0, BACK
        try:
            while True:
                try:
                    await self._follow(back)
                except Exception as error:  # noqa: BLE001 (whatever it is, it may go well when it starts anew)
                    tries = 0 if self._caught_up else tries + 1
                    # What cannot be read may lie before the ends: who did not come past it begins at them.
                    back = 0 if self._ends is not None and not self._caught_up else BACK
                    self._lost(error)
                finally:
                    self._ends = None
                    await self._stop()
                await self._sleep(self._wait(tries))
        finally:
            self._ended = True
            self._wake()

    async def _follow(self, back: int) -> None:
        """From a start to the first thing that goes wrong. Always raises."""
        topics = await self._feed.look()
        if topics != self._topics:
            self._watermarks.forget()
        self._topics = topics
        # The order matters: see Watermarks.
        committed = {version: await self._feed.committed(version) for version in tuple(self._asked)}
        positions = await self._feed.start(back)
        ends = await self._feed.ends()
        for version, offsets in committed.items():
            self._watermarks.committed(version, offsets, from_=ends)
        for version in self._asked - committed.keys():
            self._unmet.put_nowait(version)
        self._early = frozenset(committed)
        self._begin(positions, ends)
        await _first_to_end(self._read(), self._keep_looking(topics), self._keep_meeting())

    async def _stop(self) -> None:
        try:
            await self._feed.stop()
        except Exception:
            logger.exception("the change feed of %s was not left in order", self.topic)

    def _begin(self, positions: Mapping[int, int], ends: Mapping[int, int]) -> None:
        self._positions = dict(positions)
        self._ends, self._fetched, self._heard = ends, False, self._clock()
        self._complained = False
        self._sink.begin(dict(positions))
        self._noted()

    def _wait(self, tries: int) -> float:
        """Seconds before the next try, between half the backoff and all of it."""
        return min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(tries, 10)) * (1 + self._jitter()) / 2

    async def _read(self) -> None:
        while True:
            await self._take(await self._feed.fetch())

    async def _take(self, fetched: FeedRecords) -> None:
        for number, record in enumerate(fetched.records):
            if number and number % _AT_ONCE == 0:
                self._noted()
                await asyncio.sleep(0)
            self._one(record)
        self._fetched = True
        self._positions.update(fetched.positions)
        self._heard = self._clock() - fetched.silent
        self._metrics.behind(fetched.behind)
        self._noted()

    def _one(self, record: FeedRecord) -> None:
        self._positions[record.partition] = record.offset + 1
        try:
            told = _RECORD.validate_json(record.value or b"")
            if isinstance(told, Change):
                self._sink.add(read_change(told, partition=record.partition, offset=record.offset))
        except ValueError:  # it may have told of any change
            self._complain(record)
            self._sink.begin(dict(self._positions))
            return
        if isinstance(told, Watermark) and told.topic == self.topic:
            self._watermarks.raise_to(told_as(told.index_version, told.incarnation), told.partition, told.offset)

    def _complain(self, record: FeedRecord) -> None:
        """Once after each start. Not with the reason, for that would show what the record holds."""
        if not self._complained:
            place = f"{self.topic}.indexed/{record.partition}@{record.offset}"
            logger.warning("%s is no record of the change feed; others may follow", place)
            self._complained = True

    def _complain_of_silence(self) -> None:
        if self._caught_up and not self.sure and not self._failed:
            logger.warning("nothing is heard of the change feed of %s for %g s", self.topic, SILENT_SECONDS)
            self._failed = True

    def _noted(self) -> None:
        """Tell whoever waits of watermarks that have risen."""
        self._watermarks.seen(self._positions)
        if self.sure:
            self._found()
        if self._watermarks.take_risen():
            self._wake()

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    @property
    def _caught_up(self) -> bool:
        return self._ends is not None and self._fetched and passed(self._positions, self._ends)

    async def _keep_looking(self, before: FeedTopics) -> None:
        """Raise TransientError once the topics are others."""
        while True:
            await self._sleep(LOOK_SECONDS)
            self._complain_of_silence()
            self._ask_again()
            try:
                now = await self._feed.look()
            except TransientError:  # who reads hears no more then
                continue
            if now != before:
                raise TransientError(_OPERATION, "its topic was made anew, or has other partitions")

    def _ask_again(self) -> None:
        """Once after a start: what was told before its first record may have been committed only since."""
        for version in self._early:
            self._unmet.put_nowait(version)
        self._early = frozenset()

    async def _keep_meeting(self) -> None:
        """Learn how far the versions are that nobody asked for before."""
        while True:
            version = await self._unmet.get()
            try:
                offsets = await self._feed.committed(version)
                self._watermarks.committed(version, offsets, from_=await self._feed.ends())
            except OutsideError as error:  # watermark records tell it, too, as soon as anything happens
                logger.debug("cannot read how far %s is: %s", version, error)
                self._asked.discard(version)
                await self._sleep(LONGEST_WAIT)
            self._noted()

    def _meet(self, version: str) -> None:
        if version not in self._asked:
            self._asked.add(version)
            if self._ends is not None:  # else the start asks for it
                self._unmet.put_nowait(version)

    def _found(self) -> None:
        self.tried.set()
        if self._failed:
            logger.warning("the change feed of %s is followed again", self.topic)
            self._failed = False

    def _lost(self, error: Exception) -> None:
        self._metrics.lost()
        self.tried.set()
        if not self._failed:
            unexpected = not isinstance(error, OutsideError)
            logger.warning("the change feed of %s cannot be followed: %s", self.topic, error, exc_info=unexpected)
            self._failed = True


async def _first_to_end(*works: Coroutine[Any, Any, None]) -> None:
    """Do all of these, none of which ends by itself; raises what the first one does, and ends the others."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
