"""How long an evaluation waits for a part that is away."""

from freshet.evaluation.indexing import PATIENCE_SECONDS, Patience
from freshet.schemas.errors import TransientError
from freshet.streams.retry import Weather


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_it_waits_for_a_minute_and_then_tells_what_failed():
    weather, clock = Weather(), Clock()
    patience = Patience(weather, clock=clock)
    weather.begins("write the index", TransientError("write the index", "connection refused"))
    assert patience()
    clock.now = PATIENCE_SECONDS - 1
    assert patience()
    clock.now = PATIENCE_SECONDS
    assert not patience()
    assert "connection refused" in patience.last


def test_a_part_that_comes_back_has_its_minute_again():
    weather, clock = Weather(), Clock()
    patience = Patience(weather, clock=clock)
    for start in (0.0, 50.0, 100.0):
        clock.now = start
        weather.begins("embed", TransientError("embed", "away"))
        assert patience()
        clock.now += 40
        assert patience()
        weather.ends("embed")
        assert patience()
