"""Going back to the version that was live before."""

from __future__ import annotations

from dataclasses import dataclass

from freshet.search.index.switching import go_back
from freshet.settings import Settings
from freshet.wiring.versions import Lag, followed, index_versions


@dataclass(frozen=True, slots=True)
class GoneBack:
    """What is live now and what was left; how far the live one is behind, how many follow it, or why nobody tells.

    `model` is what searches need now, where that is another one than before.
    """

    live: str
    left: str
    lag: Lag | None
    members: int | None
    untold: str | None
    model: str | None


async def roll_back(settings: Settings) -> GoneBack:
    """Go back at once. Raises NoSuchVersionError where there is no way back, and what Qdrant raises."""
    async with index_versions(settings) as (_, versions):
        left, live = await go_back(versions)
        before, info = await versions.describe(left), await versions.describe(live)
    told, untold = await followed(settings, [] if info is None else [info])
    lag, members = told.get(live, (None, None))
    models = [None if each is None else each.metadata.get("model") for each in (before, info)]
    return GoneBack(live, left, lag, members, untold, model=models[1] if models[0] != models[1] else None)
