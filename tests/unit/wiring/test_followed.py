"""A worker sees what becomes of the version that it follows, and ends with it."""

from dataclasses import replace
from typing import Any

import pytest

from freshet.schemas.decoding import Record
from freshet.schemas.errors import DroppedError, TransientError
from freshet.search.index.base import VersionInfo
from freshet.wiring.followed import FollowedVersion, earlier_than_build

OWN = VersionInfo("docs__1", 8, {"topic": "documents"})


class Versions:
    """What the index says, in this order; the last of it for ever."""

    def __init__(self, *described: VersionInfo | Exception | None, live: str = "docs__0") -> None:
        self._described = list(described)
        self._live = live

    async def describe(self, version: str) -> VersionInfo | None:
        assert version == OWN.name
        found = self._described.pop(0) if len(self._described) > 1 else self._described[0]
        if isinstance(found, Exception):
            raise found
        return found

    async def live(self) -> str:
        return self._live


async def no_time(_seconds: float) -> None:
    return


async def test_what_was_recorded_since_and_which_one_is_live_is_known():
    paused = replace(OWN, metadata={**OWN.metadata, "paused": True})
    followed = FollowedVersion(Versions(paused, live=OWN.name), OWN, "docs__0")  # type: ignore[arg-type]
    assert not followed.is_live
    await followed.look()
    assert followed.is_live
    assert followed.info == paused


@pytest.mark.parametrize("last", [None, replace(OWN, metadata={"dropped": True})], ids=["gone", "being dropped"])
async def test_who_follows_a_version_that_is_dropped_ends_and_an_outage_ends_nobody(last):
    away = TransientError("describe an index version", "connection refused")
    followed = FollowedVersion(Versions(OWN, away, away, OWN, last), OWN, "docs__0")  # type: ignore[arg-type]
    with pytest.raises(DroppedError, match="docs__1 was dropped"):
        await followed.keep_looking(sleep=no_time)


BEGAN = {"began_at": "2026-11-20T12:00:00+00:00"}
NOON = 1_795_176_000.0  # the same, in seconds since the epoch
FACTS = {**BEGAN, "again_built_to": {"0": 7, "3": 0}}


@pytest.mark.parametrize(
    ("facts", "partition", "offset", "seconds", "earlier"),
    [
        (FACTS, 0, 6, -1, True),
        (FACTS, 0, 7, -1, False),  # asked for since
        (FACTS, 3, 0, -1, False),
        (FACTS, 1, 0, -1, False),
        (FACTS, 0, 6, 1, False),  # of a topic that was created again since
        (BEGAN, 0, 6, -1, False),  # of an earlier release
        ({}, 0, 6, -1, False),  # an index's first version
    ],
)
def test_what_was_asked_for_before_a_build_began_is_told_by_what_was_recorded_then(
    facts: dict[str, Any], partition: int, offset: int, seconds: float, earlier: bool
):
    record = Record("documents.again", partition, offset, NOON + seconds, b"k", b"{}")
    assert earlier_than_build(facts)(record) is earlier
