"""The end of an index version."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final, Protocol

from freshet.schemas.errors import FreshetError
from freshet.search.index.base import IndexVersions
from freshet.search.index.facts import DROPPED, State, agents_group_of, group_of, state_of
from freshet.search.index.switching import forget_way_back
from freshet.settings import Settings
from freshet.streams.kafka.groups import GroupMember, KafkaGroups
from freshet.wiring.parts import kafka_connection
from freshet.wiring.versions import Say, index_versions, named

LEAVE_SECONDS: Final = 60.0  # those who follow a version see within seconds that it is being dropped
_POLL_SECONDS: Final = 0.5


async def drop_version(settings: Settings, wanted: str, *, force: bool, say: Say, wait: float = LEAVE_SECONDS) -> str:
    """Drop a version with its consumer groups once nobody follows it any more; returns its name.

    What it does first is recorded with the version, and the collection goes last: whoever is interrupted runs it again.
    Raises NoSuchVersionError, FreshetError for one that must not be dropped or is still followed after `wait` seconds,
    and what Kafka and Qdrant raise.
    """
    async with index_versions(settings) as (_, versions), KafkaGroups(kafka_connection(settings, "versions")) as groups:
        name = named(settings.index, await versions.names(), wanted)
        await _demand_droppable(versions, name, force=force)
        await versions.record(name, {DROPPED: True})
        try:
            for group in (group_of(settings.index, name), agents_group_of(settings.index, name)):
                await _demand_droppable(versions, name, force=force)  # somebody may have put it live since
                await wait_until_left(groups, group, name, say=say, wait=wait)
                await groups.delete(group)
            await forget_way_back(versions, name)
            await versions.drop(name)
        finally:
            if await versions.live() == name:  # somebody has put it live meanwhile, so whoever follows it must go on
                await versions.record(name, {DROPPED: None})
        return name


async def _demand_droppable(versions: IndexVersions, name: str, *, force: bool) -> None:
    live = await versions.live()
    info = None if live is None else await versions.describe(live)
    own = await versions.describe(name)
    if info is None or own is None:
        return
    state = state_of(own, info)
    if state is State.LIVE:
        raise FreshetError(f"{name} is live; put another one live before, with: freshet promote, or freshet rollback")
    if state is State.PREVIOUS and not force:
        raise FreshetError(f"{name} is what freshet rollback goes back to; drop it all the same with --force")


class Members(Protocol):
    """What knows the members of a group."""

    async def members(self, group: str, /) -> list[GroupMember]:
        """As `KafkaGroups.members`."""
        ...


async def wait_until_left(
    groups: Members, group: str, version: str, *, say: Say, wait: float, poll: float = _POLL_SECONDS
) -> None:
    """Wait until a group has no members. Raises FreshetError that names them after `wait` seconds."""
    end, told = time.monotonic() + wait, False
    while members := await groups.members(group):
        if time.monotonic() >= end:
            raise FreshetError(f"{version} is still followed by {_names(members)}: stop that, and run this again")
        if not told:
            say(f"waiting for those who follow {version} to end: {_names(members)}")
            told = True
        await asyncio.sleep(poll)


def _names(members: Sequence[GroupMember]) -> str:
    return ", ".join(sorted({f"{each.client} at {each.host}" for each in members}))
