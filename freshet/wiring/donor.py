"""The live version lends its vectors to one of the same model that is built beside it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from freshet.schemas.errors import OutsideError
from freshet.search.embedding.cached import CachedEmbedder
from freshet.search.index.base import IndexReader, IndexVersions
from freshet.search.index.identity import Identity, lends_vectors
from freshet.search.index.qdrant.reader import QdrantReader
from freshet.search.index.records import Vector
from freshet.search.passages import TITLE_SHARE
from freshet.streams.donor import Donor, Nobody
from freshet.streams.plan import NewPassage
from freshet.wiring.followed import FollowedVersion

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient

logger = logging.getLogger(__name__)


async def find_donor(
    versions: IndexVersions,
    client: AsyncQdrantClient,
    followed: FollowedVersion,
    wanted: Identity,
    embedder: CachedEmbedder,
) -> Donor:
    """Who has vectors for the version that is followed: the live one, where that is another one of the same model.

    Raises as `IndexVersions` does.
    """
    live = None if followed.is_live or followed.live is None else await versions.describe(followed.live)
    if live is None or not lends_vectors(live, wanted):
        return Nobody()
    windows = (int(live.metadata["window"]), wanted.recipe.window)
    reader = QdrantReader(client, collection=live.name)
    return LiveVectors(reader, embedder, windows=windows, wanted=lambda: not followed.is_live)


class LiveVectors:
    """A `Donor`: vectors of passages that stand in another version under the same ids.

    What the cache knows is left to it. It does not get to know what was found here, for `freshet verify` holds vectors
    against it. The id of a passage tells its text and its whole title, but a model is given a title only as far as its
    share of the window goes. So where the two versions have other `windows`, passages under long titles are left out.
    Once it is not `wanted` any more nothing is asked.
    """

    def __init__(
        self,
        reader: IndexReader,
        embedder: CachedEmbedder,
        *,
        windows: tuple[int, int],
        wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        self._reader = reader
        self._embedder = embedder
        self._title_tokens = None if windows[0] == windows[1] else min(windows) // TITLE_SHARE
        self._wanted = wanted
        self._failing = False

    async def vectors(self, passages: Sequence[NewPassage]) -> Mapping[str, Vector]:
        """As `Donor.vectors`."""
        if not self._wanted():
            return {}
        alike = self._alike(passages)
        known = await self._embedder.known([each.piece.embedded for each in alike])
        asked = [each for each, vector in zip(alike, known, strict=True) if vector is None]
        return await self._read([each.id for each in asked])

    def _alike(self, passages: Sequence[NewPassage]) -> list[NewPassage]:
        """Those under a title that neither version cuts, for with its full stop it has fewer tokens than are kept."""
        most = self._title_tokens
        if most is None:
            return list(passages)
        titles = {each.id: each.piece.embedded.removesuffix(each.piece.text) for each in passages}
        short = {title for title in set(titles.values()) if len(self._embedder.token_ends(title)) < most}
        return [each for each in passages if titles[each.id] in short]

    async def _read(self, ids: Sequence[str]) -> dict[str, Vector]:
        if not ids:
            return {}
        try:
            found = await self._reader.passages(ids, vectors=True)
        except OutsideError as error:
            if not self._failing:
                logger.warning("the live version lends no vectors, so texts are embedded again: %s", error)
            self._failing = True
            return {}
        self._failing = False
        return {name: each.vector for name, each in found.items() if each.vector is not None}
