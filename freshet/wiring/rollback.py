"""Going back to the version that was live before."""

from __future__ import annotations

from dataclasses import dataclass

from freshet.search.index.switching import go_back
from freshet.settings import Settings
from freshet.wiring.kept import Kept, how_kept
from freshet.wiring.versions import index_versions


@dataclass(frozen=True, slots=True)
class GoneBack:
    """What is live now and what was left, and how the live one is kept.

    `model` is what searches need now, where that is another one than before.
    """

    live: str
    left: str
    kept: Kept
    model: str | None


async def roll_back(settings: Settings) -> GoneBack:
    """Go back at once. Raises NoSuchVersionError where there is no way back, and what Qdrant raises."""
    async with index_versions(settings) as (_, versions):
        left, live = await go_back(versions)
        before, info = await versions.describe(left), await versions.describe(live)
    models = [None if each is None else each.metadata.get("model") for each in (before, info)]
    kept = await how_kept(settings, info)
    return GoneBack(live, left, kept, model=models[1] if models[0] != models[1] else None)
