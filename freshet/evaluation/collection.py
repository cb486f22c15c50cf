"""A collection of its own for an evaluation: searches of users never see it."""

from __future__ import annotations

import logging
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from freshet.evaluation.beir import Judged
from freshet.schemas.errors import OutsideError
from freshet.schemas.keys import digest
from freshet.search.index.base import VersionInfo
from freshet.search.index.identity import Identity
from freshet.search.index.qdrant.failures import translated
from freshet.search.index.qdrant.versions import QdrantVersions

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient

PREFIX: Final = "freshet-evaluation__"  # never that of an index version, which begins with the name of its index
logger = logging.getLogger(__name__)


class OneVersion(QdrantVersions):
    """Versions of which a given one is live, whatever the alias points at."""

    def __init__(self, client: AsyncQdrantClient, *, name: str) -> None:
        super().__init__(client, index=name)
        self._name = name

    async def live(self) -> str | None:
        return self._name


@asynccontextmanager
async def own_collection(
    client: AsyncQdrantClient,
    wanted: Identity,
    judged: Judged,
    *,
    keep: bool,
    new_id: Callable[[], str] = lambda: uuid.uuid4().hex[:8],
) -> AsyncIterator[VersionInfo]:
    """A collection that is made and dropped; with `keep` it stays, and the same one comes back for the same corpus."""
    name = PREFIX + digest(wanted.fingerprint, judged.corpus_digest)[:16]
    info = wanted.info(topic=judged.name, partitions=1)
    info = replace(info, name=name if keep else f"{name}-{new_id()}")
    try:
        await OneVersion(client, name=info.name).create(info)
        yield info
    finally:
        if not keep:
            await _drop(client, info.name)


async def _drop(client: AsyncQdrantClient, name: str) -> None:
    try:
        with translated("drop a collection"):
            await client.delete_collection(name)
    except OutsideError as error:  # what went wrong before says more
        logger.warning("the collection %s is left behind: %s", name, error)
