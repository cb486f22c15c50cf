"""What people and programs see of a build."""

import json
from dataclasses import replace

import pytest

from freshet.cli.app import run
from freshet.cli.progress import Pace
from freshet.cli.replay_view import JsonView, View, figures
from freshet.streams.building import Counted
from freshet.wiring.building import Seen

SEEN = Seen("docs__1", Counted(2_000, 138), 3.5, None, None, False, False)


def pace(monkeypatch: pytest.MonkeyPatch, done: int, rate: int) -> Pace:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    made = Pace(before=done - rate)
    made.total = 2_000
    now[0] += 1
    made.at(done)
    return made


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        (SEEN, "138/s · 13 s left · 1,862 events behind"),
        (replace(SEEN, held="paused"), "138/s · 13 s left · 1,862 events behind · paused"),
        (replace(SEEN, held="limited", limit=150.0), "138/s · 13 s left · 1,862 events behind · at most 150/s"),
        (
            replace(SEEN, held="the live version is behind"),
            "138/s · 13 s left · 1,862 events behind · resting: the live version is behind",
        ),
        (replace(SEEN, counted=Counted(138, 138)), "138/s · caught up"),
    ],
)
def test_a_line_tells_rate_rest_and_what_holds_it_back(seen, told, monkeypatch):
    assert figures(seen, pace(monkeypatch, 138, 138)) == told


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
