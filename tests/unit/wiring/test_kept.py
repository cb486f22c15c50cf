"""What is known of a version that goes live without a check."""

from __future__ import annotations

from typing import Any

import pytest

from freshet.schemas.errors import TransientError
from freshet.search.index.base import VersionInfo
from freshet.search.index.facts import BUILT_AT, BUILT_TO
from freshet.settings import load_settings
from freshet.wiring import kept as wiring
from freshet.wiring.kept import Kept, how_kept
from freshet.wiring.versions import Lag

BEHIND = Lag(1_313, 12.5)
BESIDE = {BUILT_TO: {"0": 1_500}}


@pytest.fixture
def kept(monkeypatch):
    """How a version with these facts is kept, where Kafka tells this."""

    async def run(
        facts: dict[str, Any], lag: Lag | None, *, done: bool | Exception = False, untold: str | None = None
    ) -> Kept:
        async def followed(*_: object) -> Any:
            return {"docs__1": (lag, 2)}, untold

        async def is_built(*_: object) -> bool:
            if isinstance(done, Exception):
                raise done
            return done

        monkeypatch.setattr(wiring, "followed", followed)
        monkeypatch.setattr(wiring, "is_built", is_built)
        return await how_kept(load_settings(), VersionInfo("docs__1", 8, facts))

    return run


async def test_how_far_it_is_behind_is_told_with_how_many_follow_it(kept):
    assert await kept(BESIDE, BEHIND) == Kept(BEHIND, 2, None, built=False)


@pytest.mark.parametrize(
    ("facts", "done", "built"),
    [
        ({**BESIDE, BUILT_AT: "2026-11-20T12:00:00+00:00"}, False, True),
        ({}, False, True),  # an index's first version
        (BESIDE, True, True),  # workers built it, and nobody was there to record that
        (BESIDE, TransientError("ask", "away"), None),
    ],
)
async def test_it_was_built_where_that_is_recorded_or_its_group_has_come_so_far(kept, facts, done, built):
    assert (await kept(facts, BEHIND, done=done)).built is built


async def test_what_follows_a_topic_that_is_gone_will_never_be_built(kept):
    assert await kept(BESIDE, None, done=True) == Kept(None, 2, None, built=False)


async def test_while_kafka_is_away_nobody_says_that_it_was_not_built(kept):
    assert (await kept(BESIDE, None, untold="away")).built is None
