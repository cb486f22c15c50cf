"""Putting another version live, and going back.

Who is interrupted runs it again: the way back is recorded before the switch, and the switch is one atomic step.
"""

from __future__ import annotations

from datetime import UTC, datetime

from freshet.schemas.errors import FreshetError
from freshet.search.index.base import IndexVersions, VersionInfo
from freshet.search.index.facts import BUILT_AT, DROPPED, PREVIOUS, built_at, built_to


class NoSuchVersionError(FreshetError):
    """There is no version to do this with; the message says why."""


async def switch(versions: IndexVersions, candidate: str) -> str | None:
    """Put a version live, with the way back recorded.

    Returns the one that was live before: None where none was, `candidate` where it was live already. Raises
    NoSuchVersionError where it is not there, or is being dropped. Idempotent.
    """
    live = await versions.live()
    if live == candidate:
        return live
    await demand(versions, candidate)
    if live is not None:
        await _record_first_as_built(versions, live)
        await versions.record(candidate, {PREVIOUS: live})
    await versions.make_live(candidate)
    return live


async def go_back(versions: IndexVersions) -> tuple[str, str]:
    """Put the version live that was so before; returns the one that is left, and the one that is live now.

    Raises NoSuchVersionError where there is none. Running it again goes back one version more.
    """
    live = await versions.live()
    if live is None:
        raise NoSuchVersionError("nothing is live, so there is nothing to go back from")
    info = await versions.describe(live)
    previous = None if info is None else info.metadata.get(PREVIOUS)
    if previous is None:
        raise NoSuchVersionError(f"no version was live before {live}")
    if built_at((await demand(versions, previous)).metadata) is None:
        raise NoSuchVersionError(f"{previous} is being built anew; put it live once it is built, with: freshet promote")
    await _record_first_as_built(versions, live)
    await versions.make_live(previous)
    return live, previous


async def demand(versions: IndexVersions, name: str) -> VersionInfo:
    """The version of that name. Raises NoSuchVersionError where it is not there, or is being dropped."""
    info = await versions.describe(name)
    if info is None:
        command = "freshet worker" if await versions.live() is None else "freshet replay run"
        raise NoSuchVersionError(
            f"the version {name} is not there; it was dropped, or never made; make it with: {command}"
        )
    if info.metadata.get(DROPPED):
        raise NoSuchVersionError(f"the version {name} is being dropped; finish that with: freshet versions drop {name}")
    return info


async def forget_way_back(versions: IndexVersions, name: str) -> None:
    """Have no version tell any more that this one was live before it. Idempotent."""
    for each in await versions.names():
        info = await versions.describe(each)
        if info is not None and info.metadata.get(PREVIOUS) == name:
            await versions.record(each, {PREVIOUS: None})


async def record_as_built(versions: IndexVersions, name: str) -> None:
    """Record that a version has caught up with the log by now."""
    await versions.record(name, {BUILT_AT: datetime.now(UTC).isoformat(timespec="seconds")})


async def _record_first_as_built(versions: IndexVersions, live: str) -> None:
    """An index's first version is live from its beginning, and nobody else says when it was built."""
    info = await versions.describe(live)
    if info is not None and built_at(info.metadata) is None and not built_to(info.metadata):
        await record_as_built(versions, live)
