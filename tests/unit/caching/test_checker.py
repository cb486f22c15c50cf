"""No answer that was kept is older than the watermarks that it comes with: the real code, paused at every await.

Workers write and announce, sleep, wake up and die; search processes follow the feed at their own pace, lose it, begin
anew, share a store that forgets and brings back what was; versions are built, switched, dropped and made anew. Every
answer that was kept is held against what an exact search says of the states that it may show, and when all is quiet
against what it says of the last ones.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import count as numbers

import pytest

from freshet.schemas.positions import Order
from tests.support.scale import count
from tests.unit.caching.driver import Counts, Driver
from tests.unit.caching.undone import UNDONE

CACHED = count(100_000)
SEEDS = 600  # worlds at most, for on another processor scores and so worlds may differ
BEGIN = {
    "begun_anew": 40,
    "built_to": 15,
    "fresher_wish": 35,
    "one_position": 55,
    "told_whole": 40,
    "untold": 20,
}  # where chance needs long


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    """Tails that lose Kafka all the time have much to say."""
    logger = logging.getLogger("freshet.search.feed.tail")
    logger.setLevel(logging.ERROR)
    yield
    logger.setLevel(logging.NOTSET)


async def run(seed: int, counts: Counts) -> None:
    order = list(Order)[seed % len(Order)]
    await Driver(seed, order, counts).run()


@pytest.mark.soak
async def test_no_answer_that_was_kept_is_older_than_it_says() -> None:
    counts = Counts()
    for seed in numbers():
        try:
            await run(seed, counts)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
        if counts.cached >= CACHED:
            break
    assert counts.unsettled < counts.answers / 100, f"too many answers are not what the index held: {counts}"


@pytest.mark.parametrize("rule", UNDONE)
async def test_leaving_out_a_rule_is_noticed(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each rule is needed: without it some interleaving goes wrong, so the check above can fail."""
    UNDONE[rule](monkeypatch)
    for seed in range(first := BEGIN.get(rule, 0), first + SEEDS):
        try:
            await run(seed, Counts())
        except AssertionError:
            return
    pytest.fail(f"without {rule} nothing went wrong")
