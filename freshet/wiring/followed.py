"""The index version that a process follows, and what is recorded with it while it does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from freshet.schemas.decoding import Record
from freshet.schemas.errors import DroppedError, OutsideError
from freshet.schemas.topics import Source, Topics
from freshet.search.index.base import IndexVersions, VersionInfo
from freshet.search.index.facts import DROPPED, again_built_to, began_at, group_of
from freshet.search.index.identity import Identity
from freshet.streams.decode import Earlier, nothing_earlier
from freshet.streams.kafka.connection import KafkaConnection
from freshet.wiring.starting import build_facts, prepare_index

LOOK_SECONDS: Final = 2.0


async def follow(
    connection: KafkaConnection, versions: IndexVersions, wanted: Identity, source: Source, *, beside: bool
) -> FollowedVersion:
    """Make or meet the version that the settings describe. Raises as `prepare_index` and `build_facts`."""
    facts = await _facts(connection, versions, wanted, source) if beside else None
    info = await prepare_index(versions, wanted, source, beside=facts)
    return FollowedVersion(versions, info, await versions.live())


async def _facts(
    connection: KafkaConnection, versions: IndexVersions, wanted: Identity, source: Source
) -> dict[str, Any]:
    live = await versions.live()
    if live is None:  # it is not made then
        return {}
    return await build_facts(connection, Topics(source.topic), group_of(wanted.index, live), datetime.now(UTC))


def earlier_than_build(facts: Mapping[str, Any]) -> Earlier:
    """Tells of a record of `documents.again` whether the live version had done it when a version's build began.

    What it asks for was asked of versions of that time. A topic that was created again since has others at the same
    offsets; those are younger.
    """
    began, ends = began_at(facts), again_built_to(facts)
    if began is None:
        return nothing_earlier
    moment = began.timestamp()

    def earlier(record: Record) -> bool:
        return record.offset < ends.get(record.partition, 0) and record.timestamp < moment

    return earlier


class FollowedVersion:
    """A version as it was seen last (`info`), and the name of the one that is live."""

    def __init__(self, versions: IndexVersions, info: VersionInfo, live: str | None) -> None:
        self._versions = versions
        self.info = info
        self.live = live

    @property
    def is_live(self) -> bool:
        return self.live == self.info.name

    async def look(self) -> None:
        """See how it is now. Raises DroppedError where there is nothing to follow any more, and as the index does."""
        info = await self._versions.describe(self.info.name)
        if info is None or info.metadata.get(DROPPED):
            raise DroppedError(f"the index version {self.info.name} was dropped")
        self.info, self.live = info, await self._versions.live()

    async def keep_looking(
        self, *, every: float = LOOK_SECONDS, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        """Look every so many seconds while the index answers. Raises DroppedError."""
        while True:
            await sleep(every)
            try:
                await self.look()
            except OutsideError:  # whoever writes notices, too
                continue
