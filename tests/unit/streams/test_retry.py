"""Errors from outside are waited out, for as long as it takes and no longer than somebody wants the result."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from freshet.schemas.errors import DeniedError, OutsideError, OverloadedError, PermanentError, TransientError
from freshet.streams.retry import AbandonedError, Retry, Weather


class Flaky:
    """Fails with each of these errors in turn, then works."""

    def __init__(self, *errors: OutsideError) -> None:
        self._errors = list(errors)

    async def __call__(self) -> str:
        if self._errors:
            raise self._errors.pop(0)
        return "done"


def retry(waits: list[float], weather: Weather | None = None, *, patient: bool = False, jitter: float = 1.0) -> Retry:
    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    return Retry(weather=weather or Weather(), longest_wait=1.0, patient=patient, sleep=sleep, jitter=lambda: jitter)


def always() -> bool:
    return True


def countdown(calls: int) -> Callable[[], bool]:
    left = iter(range(calls))
    return lambda: next(left, None) is not None


async def test_a_transient_error_is_retried_with_growing_waits_up_to_a_bound() -> None:
    waits: list[float] = []
    result = await retry(waits)("work", Flaky(*[TransientError("work", "away")] * 6), always)
    assert (result, waits) == ("done", [0.1, 0.2, 0.4, 0.8, 1.0, 1.0])


async def test_jitter_takes_at_most_half_of_a_wait() -> None:
    waits: list[float] = []
    await retry(waits, jitter=0.0)("work", Flaky(TransientError("work", "away")), always)
    assert waits == [0.05]


async def test_a_server_that_asks_for_time_gets_it() -> None:
    waits: list[float] = []
    await retry(waits)("work", Flaky(OverloadedError("work", "busy", retry_after=7)), always)
    assert sum(waits) == 7


async def test_what_can_never_work_is_raised_at_once() -> None:
    with pytest.raises(PermanentError):
        await retry([])("work", Flaky(PermanentError("work", "wrong")), always)


async def test_a_missing_right_ends_a_start_and_is_waited_out_by_a_patient_worker() -> None:
    denied = DeniedError("work", "no key")
    with pytest.raises(DeniedError):
        await retry([])("work", Flaky(denied), always)
    assert await retry([], patient=True)("work", Flaky(denied), always) == "done"


async def test_what_nobody_wants_any_more_is_abandoned() -> None:
    with pytest.raises(AbandonedError):
        await retry([])("work", Flaky(*[TransientError("work", "away")] * 9), countdown(3))


async def test_a_long_wait_ends_as_soon_as_nobody_wants_its_end() -> None:
    waits: list[float] = []
    with pytest.raises(AbandonedError):
        await retry(waits)("work", Flaky(OverloadedError("work", "busy", retry_after=3600)), countdown(4))
    assert len(waits) < 5


async def test_an_outage_is_one_line_when_it_begins_and_one_when_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    weather = Weather()
    with caplog.at_level(logging.INFO):
        await retry([], weather)("work", Flaky(*[TransientError("work", "away")] * 9), always)
    assert len(caplog.records) == 2
    assert weather.failing == []


async def test_an_outage_is_shown_while_somebody_waits_for_its_end() -> None:
    weather, shown = Weather(), list[list[str]]()

    def wanted() -> bool:
        shown.append(weather.failing)
        return len(shown) < 3

    with pytest.raises(AbandonedError):
        await retry([], weather)("work", Flaky(*[TransientError("work", "away")] * 9), wanted)
    assert shown[:2] == [[], ["work: away"]]
    assert weather.failing == []


async def test_what_several_try_at_once_works_again_when_it_does_for_all(caplog: pytest.LogCaptureFixture) -> None:
    weather = Weather()
    away = TransientError("work", "away")
    weather.begins("work", away, "first")
    weather.begins("work", away, "second")
    weather.ends("work", "first")
    assert weather.failing == [str(away)]
    assert len(caplog.records) == 1
    weather.ends("work", "second")
    assert weather.failing == []
    assert len(caplog.records) == 2


async def test_what_is_refused_after_an_outage_does_not_count_as_failing() -> None:
    weather = Weather()
    with pytest.raises(PermanentError):
        await retry([], weather)("work", Flaky(TransientError("work", "away"), PermanentError("work", "wrong")), always)
    assert weather.failing == []
