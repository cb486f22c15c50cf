"""What is seen of a version while it is built, and when it is held back."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from freshet.schemas.errors import DroppedError, OutsideError
from freshet.schemas.topics import Topics
from freshet.search.index.base import IndexReader, IndexVersions
from freshet.search.index.facts import BEGAN_AT, BUILD, BUILT_AT, LIMIT, PAUSED, built_at, group_of
from freshet.streams.building import Counted, Ends, Trail, counted, ends, is_behind
from freshet.streams.kafka.groups import has_members
from freshet.streams.kafka.offsets import KafkaOffsets
from freshet.streams.lag import PartitionLag, lag_of_both, lag_where_there
from freshet.streams.pace import Orders
from freshet.wiring.worker import WorkerProcess

LOOK_SECONDS: Final = 2.0
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Seen:
    """A build at one moment: events of the whole version, and the age of the oldest one that waits, in seconds.

    `limit` is in events per second; `held` says why no event goes into this process, where none does. The version
    `is_built` once it had caught up, whoever built it; `has_caught_up` is what this process has seen.
    """

    version: str
    counted: Counted
    seconds: float
    limit: float | None
    held: str | None
    is_built: bool
    is_live: bool
    has_caught_up: bool = False


class Build:
    """Looks every two seconds at the groups of a version and of the live one, until cancelled.

    Live traffic comes first: the build rests while the workers of the live version have not done what came
    `yield_seconds` ago. Where that has no workers, nobody is to be waited for. Once the version is live itself nothing
    holds it back. `since` is when this process began.
    """

    def __init__(
        self,
        *,
        index: str,
        topics: Topics,
        process: WorkerProcess,
        versions: IndexVersions,
        reader: IndexReader,
        yield_seconds: float,
        since: datetime,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._index = index
        self._topics = topics
        self._process = process
        self._followed = process.followed
        self._versions = versions
        self._reader = reader
        self._yield_seconds = yield_seconds
        self._clock = clock
        self._sleep = sleep
        self._since = since
        self._before: Ends | None = None
        self._live: tuple[str, Trail, Topics] | None = None
        self._is_live_behind = False
        self._lags: list[PartitionLag] | None = None
        self.caught_up = asyncio.Event()  # once it has come to the end of the log, and that is recorded

    @property
    def seen(self) -> Seen | None:
        """As it was when it was looked at last; None before that."""
        if self._lags is None:
            return None
        facts = self._followed.info.metadata
        return Seen(
            version=self._followed.info.name,
            counted=counted(self._lags),
            seconds=max((each.seconds for each in self._lags), default=0.0),
            limit=facts.get(LIMIT),
            held=None if self._followed.is_live else self._rest() or self._process.worker.held,
            is_built=built_at(facts) is not None,
            is_live=self._followed.is_live,
            has_caught_up=self.caught_up.is_set(),
        )

    def orders(self) -> Orders:
        """What this process may do now: the limit is that of the version, so it takes the share of its partitions."""
        facts = self._followed.info.metadata
        limit = facts.get(LIMIT)
        if self._followed.is_live or limit is None:
            return Orders(rest=None if self._followed.is_live else self._rest())
        share = len(self._process.worker.partitions) / int(facts["partitions"])
        return Orders(float(limit) * share, self._rest())

    def _rest(self) -> str | None:
        if self._followed.info.metadata.get(PAUSED):
            return "paused"
        if self._lags is None:
            return "starting"
        return "the live version is behind" if self._is_live_behind else None

    async def run(self) -> None:
        """Look until cancelled, or until the version is dropped."""
        failing = False
        while True:
            try:
                async with KafkaOffsets(self._process.parts.connection) as offsets:
                    while True:
                        await self._look(offsets)
                        failing = False
                        await self._sleep(LOOK_SECONDS)
            except DroppedError:  # it ends the worker, too
                return
            except Exception as error:
                if not failing:
                    unforeseen = not isinstance(error, OutsideError)
                    logger.warning("cannot tell how far the build is: %s", error, exc_info=unforeseen)
                failing = True
            await self._sleep(LOOK_SECONDS)

    async def _look(self, offsets: KafkaOffsets) -> None:
        lags = await lag_of_both(offsets, topics=self._topics, group=self._process.parts.wanted.group)
        self._is_live_behind = await self._see_live(offsets)
        before, self._before, self._lags = self._before, ends(lags), lags
        if not is_behind(lags, before or self._before):
            await self._record(lags)
            self.caught_up.set()

    async def _see_live(self, offsets: KafkaOffsets) -> bool:
        """Whether the live version, as long as that is another one, is behind and somebody works on it."""
        name = self._followed.live
        if name is None or self._followed.is_live:
            return False
        if self._live is None or self._live[0] != name:
            info = await self._versions.describe(name)
            topic = self._topics.documents if info is None else str(info.metadata.get("topic"))
            self._live = (name, Trail(seconds=self._yield_seconds), Topics(topic))
        _, trail, topics = self._live
        group = group_of(self._index, name)
        lags = await lag_where_there(offsets, topics=topics, group=group)
        if lags is None:  # nothing more comes to it
            return False
        if not trail.saw(self._clock(), lags):
            return False
        return await has_members(self._process.parts.connection, group)

    def _did_all(self, began: str | None) -> bool:
        """Whether this process has built the version alone, from its beginning."""
        partitions = int(self._followed.info.metadata["partitions"])
        alone = len(self._process.worker.partitions) == partitions
        return alone and began is not None and datetime.fromisoformat(began) >= self._since

    async def _record(self, lags: list[PartitionLag]) -> None:
        """Record once that the version has caught up, and what that took."""
        if built_at(self._followed.info.metadata) is not None:
            return
        await self._followed.look()
        facts = self._followed.info.metadata
        if built_at(facts) is not None:  # another process was first
            return
        now = datetime.now(UTC)
        began = facts.get(BEGAN_AT)
        took = {
            "documents": await self._reader.count(),
            "events": counted(lags).done,
            "seconds": None if began is None else round((now - datetime.fromisoformat(began)).total_seconds()),
            "tokens": self._process.spent.given if self._did_all(began) else None,
        }
        await self._versions.record(
            self._followed.info.name, {BUILT_AT: now.isoformat(timespec="seconds"), BUILD: took}
        )
        await self._followed.look()
