import asyncio
from dataclasses import replace

import pytest

from freshet.schemas.errors import TransientError
from freshet.streams.standing import Sight, Standing, keep_watching

PATIENCE = 60.0
BEHIND = Sight(now=0.0, waiting=7, committed=frozenset({("documents", 0, 3)}), work=5, explained=False)


def watched(*sights: Sight) -> Standing:
    """A worker that was seen in these ways, each for a minute, every five seconds."""
    standing, now = Standing(patience=PATIENCE), 0.0
    for sight in sights:
        for _ in range(13):
            standing.saw(replace(sight, now=now))
            now += 5
    return standing


def test_a_worker_whose_commits_stand_still_while_events_wait_stands_still():
    assert watched(BEHIND).reason == "events that wait: 7; nothing has moved for 60 s"


def test_one_that_has_not_stood_still_for_long_enough_does_not():
    standing = Standing(patience=PATIENCE)
    for now in (0.0, 5.0, 59.0):
        standing.saw(replace(BEHIND, now=now))
    assert standing.reason is None


@pytest.mark.parametrize(
    "fine",
    [replace(BEHIND, waiting=0), replace(BEHIND, explained=True), replace(BEHIND, waiting=0, committed=frozenset())],
    ids=["nothing to do", "something outside is away", "no partitions"],
)
def test_who_has_nothing_to_do_or_waits_for_others_does_not_stand_still(fine):
    standing = watched(fine)
    assert standing.reason is None
    standing.saw(replace(BEHIND, now=66.0))  # and its time does not count afterwards
    standing.saw(replace(BEHIND, now=71.0))
    assert standing.reason is None


@pytest.mark.parametrize("step", [{"committed": frozenset({("documents", 0, 4)})}, {"work": 6}, {"waiting": 0}])
def test_whatever_moves_begins_the_time_anew(step):
    standing = watched(BEHIND)
    assert standing.reason
    standing.saw(replace(BEHIND, now=66.0, **step))
    assert standing.reason is None
    standing.saw(replace(BEHIND, now=71.0, **step))
    assert standing.reason is None


def test_a_process_that_was_paused_has_not_stood_still_meanwhile():
    standing = Standing(patience=PATIENCE)
    standing.saw(BEHIND)
    standing.saw(replace(BEHIND, now=3600.0))
    assert standing.reason is None


async def test_it_is_told_as_a_check_and_once_in_the_log(caplog: pytest.LogCaptureFixture):
    await watched(replace(BEHIND, explained=True)).check()
    with pytest.raises(TransientError, match="events that wait: 7; nothing has moved"):
        await watched(BEHIND, BEHIND).check()
    assert [record.getMessage()[:23] for record in caplog.records] == ["the worker stands still"]


async def test_it_is_looked_at_again_and_again():
    standing, seen = Standing(patience=PATIENCE), []

    async def sleep(seconds: float) -> None:
        seen.append(seconds)
        if len(seen) == 20:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await keep_watching(standing, lambda: replace(BEHIND, now=sum(seen)), every=5, sleep=sleep)
    assert standing.reason


async def test_a_look_that_fails_as_nobody_foresaw_ends_no_watching(caplog: pytest.LogCaptureFixture):
    standing, seen = Standing(patience=PATIENCE), []

    async def sleep(seconds: float) -> None:
        seen.append(seconds)
        if len(seen) == 20:
            raise asyncio.CancelledError

    def look() -> Sight:
        if len(seen) < 3:
            raise ValueError("odd")
        return replace(BEHIND, now=sum(seen))

    with pytest.raises(asyncio.CancelledError):
        await keep_watching(standing, look, every=5, sleep=sleep)
    assert standing.reason
    assert [record.getMessage()[:6] for record in caplog.records] == ["cannot", "the wo"]  # once of the three
