"""The index version that searches are answered from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from freshet.schemas.errors import TransientError
from freshet.search.index.base import IndexReader, IndexVersions, VersionInfo
from freshet.search.snapshots import Snapshots

_OPERATION = "find the live index version"


@dataclass(frozen=True, slots=True)
class LiveVersion:
    """An index version by its name, how to read it, the topic that it follows, and its term statistics."""

    name: str
    reader: IndexReader
    topic: str
    snapshots: Snapshots


class LiveIndex:
    """What the alias points at when a request asks, or after; the request uses that version in all its calls.

    `open_reader` is asked once for each version that comes to life, and may refuse one that it cannot serve.
    """

    def __init__(self, *, versions: IndexVersions, open_reader: Callable[[VersionInfo], IndexReader]) -> None:
        self._versions = versions
        self._open_reader = open_reader
        self._last: LiveVersion | None = None
        self._looking: asyncio.Task[str | None] | None = None

    @property
    def name(self) -> str | None:
        """The version that was live when it was last asked for."""
        return None if self._last is None else self._last.name

    async def current(self) -> LiveVersion:
        """The live version. Raises TransientError when there is none, and what the index and `open_reader` raise."""
        name = await self._look()
        if name is None:
            hint = "a worker makes the first version when it starts"
            raise TransientError(_OPERATION, "no index version is live yet", hint=hint)
        if self._last is not None and self._last.name == name:
            return self._last
        info = await self._versions.describe(name)
        if info is None:
            raise TransientError(_OPERATION, f"the version {name} went away while it was being opened")
        reader = self._open_reader(info)
        self._last = LiveVersion(name, reader, str(info.metadata.get("topic", "")), Snapshots(reader))
        return self._last

    async def _look(self) -> str | None:
        """The alias. Who comes while a question is under way waits for the next one, which all who wait share."""
        under_way = self._looking
        if under_way is not None and not under_way.done():
            await asyncio.wait({under_way})
        if self._looking is under_way or self._looking is None:
            self._looking = asyncio.create_task(self._versions.live())
        return await asyncio.shield(self._looking)
