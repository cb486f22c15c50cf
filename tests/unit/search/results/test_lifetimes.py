"""The more a tenant's documents change, the shorter its answers live, within bounds."""

from __future__ import annotations

import pytest

from freshet.search.feed.changes import FeedChange
from freshet.search.results.lifetimes import CHANGES, HALF_LIFE, Lifetimes


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def lifetimes(clock: Clock, chance: float = 0.0) -> Lifetimes:
    return Lifetimes(least=60, most=86_400, clock=clock, chance=lambda: chance)


def change(tenant: str | None) -> FeedChange:
    return FeedChange(0, 0, "v", "k", tenant, None, None, None, 0.0)


def change_steadily(lifetimes: Lifetimes, clock: Clock, *, every: float, seconds: float) -> None:
    for _ in range(round(seconds / every)):
        clock.now += every
        lifetimes.add(change("a"))


def test_without_changes_an_answer_lives_longest():
    assert lifetimes(Clock()).of("a") == 86_400


def test_it_lives_as_long_as_a_number_of_changes_take_at_the_recent_rate():
    clock = Clock()
    lives = lifetimes(clock)
    change_steadily(lives, clock, every=0.5, seconds=20 * HALF_LIFE)
    assert lives.rate("a") == pytest.approx(2.0, rel=0.01)
    assert lives.of("a") == pytest.approx(CHANGES / 2, rel=0.01)
    assert lives.of("b") == 86_400
    clock.now += 2 * HALF_LIFE
    assert lives.rate("a") == pytest.approx(0.5, rel=0.01)


def test_it_lives_for_a_while_however_much_changes_and_not_all_for_equally_long():
    clock = Clock()
    lives = lifetimes(clock, chance=1.0)
    for _ in range(100_000):
        lives.add(change(None))
    assert lives.of(None) == 60 * 0.8


def test_of_many_tenants_those_are_known_that_changed_last():
    lives = lifetimes(Clock())
    for number in range(20_000):
        lives.add(change(f"t{number}"))
    assert lives.rate("t0") == 0.0
    assert lives.rate("t19999") > 0.0
