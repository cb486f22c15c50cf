"""What is told of the parts when checks fail, hang or lean on each other."""

import asyncio

import pytest

from freshet.doctor.clock import judge_clock
from freshet.doctor.findings import Check, Finding, Mark, examine
from freshet.schemas.errors import SettingsError, TransientError


async def told(*checks: Check) -> list[Finding]:
    async with asyncio.timeout(30):
        return [finding async for finding in examine(checks)]


def check(part, mark=Mark.OK, **options) -> Check:
    async def run():
        return [Finding(part, mark, "found")]

    return Check(part, run, **options)


def raising(error) -> Check:
    async def run():
        raise error

    return Check("part", run)


@pytest.mark.parametrize(
    ("error", "found", "hint"),
    [
        (TransientError("reach it", "no answer", hint="is it on?"), "reach it: no answer", "is it on?"),
        (SettingsError("the address is wrong"), "the address is wrong", ""),
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero", ""),
        (TimeoutError(), "TimeoutError: ", ""),
    ],
)
async def test_whatever_a_check_raises_is_a_line_and_the_others_are_told(error, found, hint):
    assert await told(raising(error), check("other")) == [
        Finding("part", Mark.FAIL, found, hint),
        Finding("other", Mark.OK, "found"),
    ]


async def test_a_check_that_hangs_is_told_when_its_time_is_up():
    async def hang():
        await asyncio.Event().wait()
        return []

    forever = Check("part", hang, seconds=0.05)
    assert await told(forever, check("other")) == [
        Finding("part", Mark.FAIL, "no answer within 0.05 s"),
        Finding("other", Mark.OK, "found"),
    ]


async def test_a_check_that_does_not_even_end_when_it_is_cancelled_keeps_nobody_waiting():
    release = asyncio.Event()

    async def stubborn():
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        return []

    found = await told(Check("part", stubborn, seconds=0.05))
    release.set()
    assert [each.mark for each in found] == [Mark.FAIL]


@pytest.mark.parametrize("mark", [Mark.FAIL, Mark.NOT_CHECKED])
async def test_what_needs_a_part_that_fails_is_not_checked_and_says_why(mark):
    assert await told(check("first", mark), check("second", needs=("first",))) == [
        Finding("first", mark, "found"),
        Finding("second", Mark.NOT_CHECKED, "because of first, see above"),
    ]


@pytest.mark.parametrize("mark", Mark)
async def test_what_only_waits_for_a_part_is_checked_however_that_is(mark):
    assert (await told(check("first", mark), check("second", waits=("first",))))[1].mark == Mark.OK


async def test_what_needs_a_part_with_a_warning_is_checked():
    assert (await told(check("first", Mark.WARN), check("second", needs=("first",))))[1].mark == Mark.OK


async def test_checks_run_at_the_same_time():
    both = asyncio.Barrier(2)

    async def meet():
        await both.wait()
        return [Finding("part", Mark.OK, "met")]

    assert [each.found for each in await told(Check("one", meet), Check("other", meet))] == ["met", "met"]


@pytest.mark.parametrize(
    ("ahead", "mark"),
    [({}, Mark.NOT_CHECKED), ({"Redis": 1.9, "Qdrant": -1.9}, Mark.OK), ({"Redis": 0.1, "Qdrant": -2.1}, Mark.WARN)],
)
def test_a_clock_that_goes_wrong_is_told(ahead, mark):
    (finding,) = judge_clock(ahead)
    assert finding.mark == mark
