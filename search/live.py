"""The index version that searches are answered from."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from freshet.schemas.errors import FreshetError, PermanentError, TransientError
from freshet.search.bm25 import Bm25
from freshet.search.embedding.base import Embedder
from freshet.search.index.base import IndexReader, IndexVersions, VersionInfo
from freshet.search.index.facts import incarnation, told_as
from freshet.search.index.identity import recorded_text
from freshet.search.snapshots import Snapshots

_OPERATION: Final = "find the live index version"
_ASSUMED_SECONDS: Final = 1.0  # less than it takes to drop a version, make it anew under its name, and put it live
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LiveVersion:
    """An index version and all that it is searched with: its reader, its model, its words, its term statistics."""

    info: VersionInfo
    reader: IndexReader
    embedder: Embedder
    text: Bm25
    snapshots: Snapshots

    @classmethod
    def of(cls, info: VersionInfo, reader: IndexReader, embedder: Embedder) -> LiveVersion:
        """A version by what was recorded with it. Raises MisfitError where that says too little to search it."""
        return cls(info, reader, embedder, recorded_text(info), Snapshots(reader))

    @property
    def name(self) -> str:
        return self.info.name

    @property
    def incarnation(self) -> str | None:
        """What tells it from a later version of its name; None where nothing does."""
        return incarnation(self.info.metadata)

    @property
    def told(self) -> str:
        """What the change feed calls it."""
        return told_as(self.name, self.incarnation)

    @property
    def topic(self) -> str:
        """The topic that it follows."""
        return str(self.info.metadata.get("topic", ""))


class LiveIndex:
    """What the alias points at when a request asks, or after; the request uses that version in all its calls.

    `open_version` is asked once for each version that comes to life, and may refuse one that it cannot serve.
    """

    def __init__(
        self,
        *,
        versions: IndexVersions,
        open_version: Callable[[VersionInfo], LiveVersion],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._versions = versions
        self._open_version = open_version
        self._clock = clock
        self._seen_at = -math.inf
        self._last: LiveVersion | None = None
        self._seen: VersionInfo | None = None
        self._looking: asyncio.Task[str | None] | None = None

    @property
    def last(self) -> LiveVersion | None:
        """The version that was opened last; None before the first."""
        return self._last

    @property
    def seen(self) -> VersionInfo | None:
        """The version that was live when it was last asked for, also one that was refused; None before the first."""
        return self._seen

    async def current(self, *, within: float = 0.0) -> LiveVersion:
        """The version that is live, or was within so many seconds, of which at most one counts.

        Raises TransientError when there is none, and what the index and `open_version` raise.
        """
        asked_at, last = self._clock(), self._last
        unseen = asked_at - self._seen_at
        if last is not None and unseen <= min(within, _ASSUMED_SECONDS):
            return last
        name, last = await self._name(), self._last
        if last is None or last.name != name or unseen > _ASSUMED_SECONDS:
            last = await self._open(name)
        self._seen, self._seen_at = last.info, max(self._seen_at, asked_at)
        return last

    async def _open(self, name: str) -> LiveVersion:
        """A version as it is recorded now: one may have been made anew under the name of another."""
        info = await self._versions.describe(name)
        if info is None:  # it was dropped since, as soon as another was live
            name = await self._name()
            info = await self._versions.describe(name)
        if info is None:
            raise TransientError(_OPERATION, f"the version {name} went away while it was being opened")
        self._seen = info
        if self._last is None or _identity(self._last.info) != _identity(info):
            self._last = self._open_version(info)
        return self._last

    async def use(
        self,
        work: Callable[[LiveVersion], Awaitable[T]],
        *,
        of: LiveVersion | None = None,
        within: float = 0.0,
    ) -> T:
        """What `work` makes of a version, by default the live one; of the next, where it fails and that is live since.

        A version may be dropped as soon as another is live, and who is reading it must not be the worse for it.
        `within` is as in `current`.
        """
        live = await self.current(within=within) if of is None else of
        try:
            return await work(live)
        except (TransientError, PermanentError):
            successor = await self._successor(live)
            if successor is None:
                raise
        return await work(successor)

    async def _successor(self, before: LiveVersion) -> LiveVersion | None:
        try:
            live = await self.current()
        except FreshetError:  # what is told is what failed first
            return None
        return None if live.name == before.name else live

    async def _name(self) -> str:
        name = await self._look()
        if name is None:
            hint = "a worker makes the first version when it starts"
            raise TransientError(_OPERATION, "no index version is live yet", hint=hint)
        return name

    async def _look(self) -> str | None:
        """The alias. Who comes while a question is under way waits for the next one, which all who wait share."""
        under_way = self._looking
        if under_way is not None and not under_way.done():
            await asyncio.wait({under_way})
        if self._looking is under_way or self._looking is None:
            self._looking = asyncio.create_task(self._versions.live())
        return await asyncio.shield(self._looking)


def _identity(info: VersionInfo) -> tuple[str, str | None]:
    return info.name, incarnation(info.metadata)
