"""How true a version is kept to the log, for whoever has just put it live without a check."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from freshet.schemas.errors import OutsideError
from freshet.search.index.base import VersionInfo
from freshet.search.index.facts import built_at, built_to
from freshet.settings import Settings
from freshet.wiring.parts import kafka_connection
from freshet.wiring.versions import ASK_SECONDS, Lag, followed, is_built


@dataclass(frozen=True, slots=True)
class Kept:
    """How far a version is behind, how many follow it, or why nobody tells; whether it was built to the end, if known.

    Without a `lag` and a reason (`untold`) its topic is gone.
    """

    lag: Lag | None
    members: int | None
    untold: str | None
    built: bool | None


async def how_kept(settings: Settings, info: VersionInfo | None) -> Kept:
    """Raises nothing where Kafka is away: then that is told."""
    told, untold = await followed(settings, [] if info is None else [info])
    lag, members = told.get("" if info is None else info.name, (None, None))
    built = True if info is None else await _is_built(settings, info, lag, untold)
    return Kept(lag, members, untold, built)


async def _is_built(settings: Settings, info: VersionInfo, lag: Lag | None, untold: str | None) -> bool | None:
    """An index's first version is live from its beginning: nothing is told of its end. None where nobody knows."""
    if built_at(info.metadata) is not None or not built_to(info.metadata):
        return True
    if lag is None:  # where that is told, its topic is gone
        return False if untold is None else None
    with suppress(OutsideError):
        return await is_built(settings, kafka_connection(settings, "versions", timeout=ASK_SECONDS), info)
    return None
