import pytest

from freshet.search.recent import MOST_VALUES, Rate, Spread


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_rate_is_that_of_the_last_seconds_and_falls_when_nothing_comes(clock):
    rate = Rate(clock)
    rate.add(30)
    assert rate.per_second() == 30, "the first moment of a process counts as a second"
    clock.now += 5
    rate.add(20)
    assert rate.per_second() == 10
    clock.now += 6
    assert rate.per_second() == 2, "the first 30 are longer ago than ten seconds"
    clock.now += 5
    assert rate.per_second() == 0


def test_a_spread_is_that_of_the_last_minute(clock):
    spread = Spread(clock)
    assert spread.status() is None
    for value in range(1, 101):
        spread.add(value)
    told = spread.status()
    assert told is not None
    assert (told.count, told.p50, told.p99) == (100, 50, 99)
    clock.now += 30
    spread.add(7)
    clock.now += 31
    told = spread.status()
    assert told is not None
    assert (told.count, told.p50, told.p99) == (1, 7, 7)
    clock.now += 60
    assert spread.status() is None


def test_a_spread_holds_the_newest_values_only_however_many_come(clock):
    spread = Spread(clock)
    for value in range(MOST_VALUES + 100):
        spread.add(value)
    told = spread.status()
    assert told is not None
    assert told.count == MOST_VALUES
    assert told.p50 == 100 + MOST_VALUES // 2 - 1
