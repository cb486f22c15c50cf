"""What people and programs see of a build."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from freshet.cli.app import run
from freshet.cli.exits import DONE, INTERRUPTED
from freshet.cli.progress import Pace
from freshet.cli.replay_view import JsonView, View, figures
from freshet.streams.building import Counted
from freshet.wiring.building import Seen

SEEN = Seen("docs__1", Counted(2_000, 138), 3.5, None, None, False, False)


@pytest.fixture
def clock(monkeypatch):
    """Set what time it is."""
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return lambda moment: now.__setitem__(0, moment)


@pytest.fixture
def steady(clock):
    """So many events a second, for four seconds, of 2,000."""

    def made(rate: float) -> Pace:
        clock(100.0)
        pace = Pace()
        pace.total = 2_000
        for second in range(1, 5):
            clock(100.0 + second)
            pace.at(round(rate * second))
        return pace

    return made


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        (SEEN, "138/s · 10 s left · 1,862 events behind"),
        (replace(SEEN, held="limited", limit=150.0), "138/s · 10 s left · 1,862 events behind · at most 150/s"),
        (replace(SEEN, counted=Counted(138, 138)), "138/s · caught up"),
    ],
)
def test_a_line_tells_rate_rest_and_what_holds_it_back(seen, told, steady):
    assert figures(seen, steady(138)) == told


def test_what_goes_slowly_is_not_told_to_stand_still(steady):
    assert figures(SEEN, steady(0.75)) == "0.8/s · 44 min 23 s left · 1,862 events behind"


def test_one_event_tells_nothing_of_the_end(clock):
    pace = Pace(before=137)
    pace.total = 2_000
    clock(110)
    pace.at(138)
    assert figures(SEEN, pace) == "0.1/s · 1,862 events behind"


def test_a_build_of_large_batches_has_a_rate_between_them(clock):
    pace = Pace()
    pace.total = 10_000
    for minute in range(1, 5):
        clock(100 + 60 * minute)
        pace.at(600 * minute)
    clock(100 + 60 * 4.5)
    pace.at(2_400)
    assert pace.is_steady
    assert pace.rate == pytest.approx(3 * 600 / 210)


def advance(view: View, clock: Callable[[float], None], start: float, done: int, **changes: Any) -> None:
    """Five seconds in which a hundred events are done in each."""
    for second in range(5):
        clock(start + second)
        view.show(replace(SEEN, counted=Counted(2_000, done + 100 * second), **changes))


@pytest.mark.parametrize(
    ("held", "told"),
    [
        ("paused", "paused"),
        ("starting", "starting"),
        ("the live version is behind", "resting: the live version is behind"),
    ],
)
def test_what_rests_promises_no_end_and_has_to_show_anew_how_fast_it_goes(held, told, clock, capsys):
    view = View()
    advance(view, clock, 106, 0)
    clock(110)
    view.show(replace(SEEN, counted=Counted(2_000, 400)))
    assert "100/s · 16 s left" in capsys.readouterr().err
    clock(3_600)
    view.show(replace(SEEN, counted=Counted(2_000, 400), held=held))
    assert capsys.readouterr().err == f"400 of 2,000 events · 1,600 events behind · {told}\n"
    clock(3_606)
    view.show(replace(SEEN, counted=Counted(2_000, 400), held=held))
    advance(view, clock, 3_606, 400)
    assert "100/s · 12 s left" in capsys.readouterr().err


def test_where_nothing_changes_there_is_a_line_every_hour(clock, capsys):
    view, seen = View(), replace(SEEN, counted=Counted(2_000, 2_000), has_caught_up=True)
    for minute in range(2 * 60):
        clock(100 + 60 * minute)
        view.show(seen)
    assert capsys.readouterr().err.splitlines() == ["2,000 of 2,000 events · caught up"] * 2
    clock(100 + 60 * 120)
    view.show(replace(seen, counted=Counted(2_001, 2_000)))
    assert "2,000 of 2,001 events" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        (SEEN, "not finished: 138 of 2,000 events; the same command goes on\n"),
        (replace(SEEN, is_built=True), "not finished: 138 of 2,000 events; the same command goes on\n"),
        (replace(SEEN, is_live=True), "not finished: 138 of 2,000 events; freshet worker goes on\n"),
        (None, "not finished; the same command goes on\n"),
    ],
)
def test_what_ends_before_it_has_caught_up_says_so(seen, told, capsys):
    view = View()
    if seen is not None:
        view.show(seen)
    capsys.readouterr()
    assert view.end() is False
    assert capsys.readouterr().out == told


def test_what_has_caught_up_or_was_dropped_has_nothing_left_to_do(capsys):
    built, dropped = View(), View()
    built.show(replace(SEEN, has_caught_up=True))
    dropped.dropped("docs__1 was dropped")
    assert (built.end(), dropped.end()) == (True, True)
    assert capsys.readouterr().out == "docs__1 was dropped\n"


def test_programs_are_told_what_is_left(capsys):
    view = JsonView()
    view.show(SEEN)
    view.end()
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["event"], told["version"], told["done"], told["total"]) == ("unfinished", "docs__1", 138, 2_000)


@pytest.mark.parametrize(
    ("options", "seen", "code"),
    [
        (["--until-caught-up"], SEEN, INTERRUPTED),
        (["--until-caught-up"], replace(SEEN, has_caught_up=True), DONE),
        ([], SEEN, DONE),
    ],
)
def test_who_waits_for_the_end_of_a_build_learns_by_the_exit_code_that_it_was_interrupted(
    options, seen, code, monkeypatch
):
    monkeypatch.setattr("freshet.cli.processes.run", lambda work: work.keywords["view"].show(seen))
    assert run(["replay", "run", *options]) == code


def test_what_has_come_true_is_told_once_with_what_to_do_next(capsys):
    view = View()
    for seen in (SEEN, replace(SEEN, is_built=True), replace(SEEN, is_built=True, is_live=True)):
        view.show(seen)
        view.show(seen)
    assert capsys.readouterr().out.splitlines() == [
        "docs__1 has caught up with the log; make it live with: freshet promote",
        "docs__1 is live now; a worker with these settings can take over: freshet worker",
    ]


def test_programs_get_a_line_for_each_change(capsys):
    view = JsonView()
    for seen in (SEEN, SEEN, replace(SEEN, is_built=True)):
        view.show(seen)
    view.say("dropped", "docs__1 was dropped")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in lines] == ["progress", "progress", "built", "dropped"]
    assert (lines[0]["done"], lines[0]["total"], lines[0]["left"], lines[0]["lag_seconds"]) == (138, 2_000, 1_862, 3.5)


@pytest.mark.parametrize("given", ["0", "-1", "nan", "inf", "fast"])
def test_a_limit_is_a_number_of_events_or_none(given, capsys):
    assert run(["replay", "limit", "--", given]) == 2
    assert "neither a number of events per second nor none" in capsys.readouterr().err
