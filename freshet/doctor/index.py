"""Qdrant, and the index version that searches are answered from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from freshet.doctor.findings import Finding, Mark
from freshet.schemas.errors import MisfitError
from freshet.schemas.topics import Source
from freshet.search.index.base import VersionInfo
from freshet.search.index.facts import DROPPED, State, state_of
from freshet.search.index.identity import Identity, check_live, check_source
from freshet.search.index.qdrant.server import QdrantFacts
from freshet.search.index.qdrant.versions import QdrantVersions
from freshet.settings import Settings

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient

_FINISH: Final = "finish that with: freshet versions drop"


async def check_qdrant(settings: Settings, client: AsyncQdrantClient, facts: QdrantFacts) -> Sequence[Finding]:
    """Whether the server that told these facts takes the key, too."""
    await QdrantVersions(client, index=settings.index).live()
    key = "without a key" if settings.qdrant.api_key is None else "the key is accepted"
    text = f"version {facts.version} answered in {facts.seconds * 1000:.0f} ms, {key}"
    return [Finding("Qdrant", Mark.OK, text)]


async def check_index(
    settings: Settings, client: AsyncQdrantClient, wanted: Identity | None, topic: Sequence[Source | None] = ()
) -> Sequence[Finding]:
    """Which versions there are, whether the settings describe one, and whether that follows the topic that is there.

    Without `wanted` the one is not known, and the other where `topic` is empty, because Kafka did not tell.
    """
    versions = QdrantVersions(client, index=settings.index)
    live = await versions.live()
    info = None if live is None else await versions.describe(live)
    if info is None:
        text = f"no version of {settings.index!r} is live yet"
        return [Finding("index", Mark.WARN, text, "a worker makes the first when it starts: freshet worker")]
    if wanted is None:
        return [Finding("index", Mark.WARN, f"{info.name} is live; whether the model fits it is not known")]
    own = info if wanted.version == info.name else await versions.describe(wanted.version)
    try:
        if own is None:
            check_live(wanted, info)
        for source in topic:
            check_source(wanted, own or info, settings.topics.documents, source)
    except MisfitError as error:
        found, _, hint = str(error).partition("; ")
        return [Finding("index", Mark.FAIL, found, hint)]
    others = [name for name in await versions.names() if name not in (info.name, wanted.version)]
    return [_described(own or info, info), *await _others(versions, others, info)]


def _described(own: VersionInfo, live: VersionInfo) -> Finding:
    """What workers with these settings are for."""
    if own.name == live.name:
        return Finding("index", Mark.OK, f"{own.name} is live, and built for the model of the settings")
    text = f"{live.name} is live, and the settings describe {own.name}"
    if own.metadata.get(DROPPED):
        return Finding("index", Mark.WARN, f"{text}, which is being dropped", _FINISH)
    hint = {
        State.BUILDING: "once it has caught up put it live with: freshet promote",
        State.READY: "put it live with: freshet promote",
        State.PREVIOUS: "it is what freshet rollback goes back to",
    }
    state = state_of(own, live)
    return Finding("index", Mark.OK, f"{text}, which is {state.value}", hint.get(state, ""))


async def _others(versions: QdrantVersions, names: Sequence[str], live: VersionInfo) -> Sequence[Finding]:
    """Versions beside those two: they take room and, as long as workers follow them, time."""
    found = [info for name in names if (info := await versions.describe(name)) is not None]
    if not found:
        return []
    told = ", ".join(f"{info.name} ({state_of(info, live).value})" for info in found)
    return [Finding("index", Mark.OK, f"there are also {told}", "what is not needed any more: freshet versions drop")]
