"""What there is of an index: its versions, what each holds, how far it is behind and who follows it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from freshet.schemas.errors import OutsideError, PermanentError
from freshet.schemas.topics import Topics
from freshet.search.index.base import VersionInfo
from freshet.search.index.facts import State, built_at, built_to, group_of, state_of
from freshet.search.index.qdrant.reader import QdrantReader
from freshet.search.index.qdrant.sizes import disk_sizes
from freshet.search.index.qdrant.statistics import QdrantStatistics
from freshet.search.index.qdrant.versions import QdrantVersions
from freshet.search.index.switching import NoSuchVersionError
from freshet.settings import Settings
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.groups import KafkaGroups, has_members
from freshet.streams.kafka.offsets import KafkaOffsets
from freshet.streams.lag import lag_where_there
from freshet.wiring.parts import kafka_connection, qdrant_client

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient

ASK_SECONDS: Final = 5.0  # for each answer of Kafka, without which versions are listed, too

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a version is behind the log: events, and the age of the oldest in seconds."""

    events: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.events:,} events, {self.seconds:.1f} s"


@dataclass(frozen=True, slots=True)
class Version:
    """One version; None where nobody tells. `disk` is in bytes, `members` counts processes that follow it."""

    info: VersionInfo
    state: State
    documents: int | None
    passages: int | None
    lag: Lag | None
    members: int | None
    disk: int | None


@dataclass(frozen=True, slots=True)
class Listed:
    """The versions of an index, by name; `untold` is why Kafka told nothing of them, None where it did."""

    versions: Sequence[Version]
    untold: str | None


async def list_versions(settings: Settings) -> Listed:
    """What there is. Raises what Qdrant raises; without Kafka there are no lags and no members."""
    async with AsyncExitStack() as stack:
        client = qdrant_client(settings, stack)
        versions = QdrantVersions(client, index=settings.index)
        live = await versions.live()
        found = [info for name in await versions.names() if (info := await versions.describe(name)) is not None]
        live_info = next((info for info in found if info.name == live), None)
        sizes = await disk_sizes(client) if found else {}
        told, untold = await followed(settings, found)
        return Listed(
            [
                Version(
                    info,
                    state_of(info, live_info),
                    await _told(QdrantReader(client, collection=info.name).count()),
                    await _told(QdrantStatistics(client, collection=info.name).count_passages()),
                    *told.get(info.name, (None, None)),
                    sizes.get(info.name),
                )
                for info in found
            ],
            untold,
        )


async def _told(question: Awaitable[int]) -> int | None:
    """The answer; None where the version is gone since, or lacks a payload index that this needs."""
    try:
        return await question
    except PermanentError:
        return None


async def followed(
    settings: Settings, found: Sequence[VersionInfo]
) -> tuple[dict[str, tuple[Lag | None, int | None]], str | None]:
    """By version its lag and how many follow it, and why that cannot be told."""
    told: dict[str, tuple[Lag | None, int | None]] = {}
    if not found:
        return told, None
    connection = kafka_connection(settings, "versions", timeout=ASK_SECONDS)
    try:
        async with KafkaOffsets(connection) as offsets, KafkaGroups(connection) as groups:
            for info in found:
                group = group_of(settings.index, info.name)
                told[info.name] = await _lag(offsets, info, group), len(await groups.members(group))
    except OutsideError as error:
        return told, str(error)
    return told, None


async def is_followed(settings: Settings) -> bool | None:
    """Whether somebody follows the live version, if there is one; None where that cannot be told."""
    try:
        async with index_versions(settings) as (_, versions):
            live = await versions.live()
        if live is None:
            return False
        connection = kafka_connection(settings, "versions", timeout=ASK_SECONDS)
        return await has_members(connection, group_of(settings.index, live))
    except OutsideError:
        return None


async def is_built(settings: Settings, connection: KafkaConnection, info: VersionInfo) -> bool:
    """Whether a version has come to where its topic ended when its build began. Raises as `lag_of`."""
    if built_at(info.metadata) is not None:
        return True
    wanted = built_to(info.metadata)
    async with KafkaOffsets(connection) as offsets:
        positions = await offsets.positions(str(info.metadata.get("topic")), group_of(settings.index, info.name))
    return bool(wanted) and all(each.next >= wanted.get(each.partition, 0) for each in positions)


async def lag_of(settings: Settings, connection: KafkaConnection, info: VersionInfo) -> Lag | None:
    """How far a version is behind its topic; None where that is gone. Raises TransientError, and DeniedError."""
    async with KafkaOffsets(connection) as offsets:
        return await _lag(offsets, info, group_of(settings.index, info.name))


async def _lag(offsets: KafkaOffsets, info: VersionInfo, group: str) -> Lag | None:
    lags = await lag_where_there(offsets, topics=Topics(str(info.metadata.get("topic", ""))), group=group)
    if lags is None:
        return None
    return Lag(sum(each.events for each in lags), max((each.seconds for each in lags), default=0.0))


@asynccontextmanager
async def index_versions(settings: Settings) -> AsyncIterator[tuple[AsyncQdrantClient, QdrantVersions]]:
    """The versions of the index of the settings, and the client to read them with."""
    async with AsyncExitStack() as stack:
        client = qdrant_client(settings, stack)
        yield client, QdrantVersions(client, index=settings.index)


def named(index: str, names: Sequence[str], wanted: str) -> str:
    """The version that is meant by its name, its fingerprint, or a beginning of either that no other has.

    Raises NoSuchVersionError where none is, or several are.
    """
    if exact := {name for name in names if wanted in (name, name.removeprefix(f"{index}__"))}:
        return exact.pop()
    several = [name for name in names if name.startswith(wanted) or name.removeprefix(f"{index}__").startswith(wanted)]
    if len(several) == 1:
        return several[0]
    if several:
        raise NoSuchVersionError(f"{wanted!r} may be any of {', '.join(several)}")
    raise NoSuchVersionError(f"the index {index!r} has no version {wanted!r}; there is {', '.join(names) or 'none'}")
