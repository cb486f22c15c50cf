"""Qdrant, and the index version that searches are answered from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from freshet.doctor.findings import Finding, Mark
from freshet.schemas.errors import MisfitError
from freshet.schemas.topics import Source
from freshet.search.index.identity import Identity, check_fingerprint, check_source
from freshet.search.index.qdrant.server import QdrantFacts
from freshet.search.index.qdrant.versions import QdrantVersions
from freshet.settings import Settings

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient


async def check_qdrant(settings: Settings, client: AsyncQdrantClient, facts: QdrantFacts) -> Sequence[Finding]:
    """Whether the server that told these facts takes the key, too."""
    await QdrantVersions(client, index=settings.index).live()
    key = "without a key" if settings.qdrant.api_key is None else "the key is accepted"
    text = f"version {facts.version} answered in {facts.seconds * 1000:.0f} ms, {key}"
    return [Finding("Qdrant", Mark.OK, text)]


async def check_index(
    settings: Settings, client: AsyncQdrantClient, wanted: Identity | None, topic: Sequence[Source | None] = ()
) -> Sequence[Finding]:
    """Whether a version is live, was built for what the settings describe, and follows the topic that is there.

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
    try:
        check_fingerprint(wanted, info)
        for source in topic:
            check_source(wanted, info, settings.topics.documents, source)
    except MisfitError as error:
        found, _, hint = str(error).partition("; ")
        return [Finding("index", Mark.FAIL, found, hint)]
    return [Finding("index", Mark.OK, f"{info.name} is live, and built for the model of the settings")]
