"""What `freshet promote` says and how it ends; what the checks are is elsewhere."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from freshet.cli.app import run
from freshet.cli.exits import DONE, REFUSED, USAGE
from freshet.gate.verdict import Check, Limits
from freshet.wiring import parts
from freshet.wiring import promote as wiring
from freshet.wiring.kept import Kept
from freshet.wiring.promote import Examination, Promotion
from freshet.wiring.versions import Lag

GOOD = Check("caught up", True, "0.0 s behind the log", "at most 5 s", 0.0, 5.0)
BAD = Check("overlap", False, "0.31 of the first 10 documents", "at least 0.50", 0.31, 0.5)
UNKNOWN = Check("nDCG@10", None, "not measured", "at most 0.02 below", None, 0.02)


KEPT = Kept(Lag(1_313, 12.5), 2, None, built=True)


class Promoted:
    """Stands for the gate and the switch: finds these checks, and notes how it was asked."""

    def __init__(self, *checks: Check, left: str | None = "old", kept: Kept | None = KEPT) -> None:
        self.checks = checks
        self.left = left
        self.kept = kept
        self.asked: list[Any] = []

    async def promote(self, _settings: object, wanted: str | None, examination: Examination) -> Promotion:
        self.asked += [wanted, examination]
        for check in self.checks:
            examination.tell(check)
        return Promotion("new", self.left, self.checks)

    async def force(self, _settings: object, wanted: str | None) -> Promotion:
        self.asked += [wanted]
        return Promotion("new", self.left, kept=self.kept)


@pytest.fixture
def standing(monkeypatch: pytest.MonkeyPatch):
    """Put one in the place of the real thing."""

    def put(promoted: Promoted) -> Promoted:
        monkeypatch.setattr(wiring, "promote", promoted.promote)
        monkeypatch.setattr(wiring, "force", promoted.force)
        monkeypatch.setattr(parts, "fetch_model", lambda _settings: None)
        return promoted

    return put


def test_a_refusal_is_exit_code_3_and_names_what_refused(standing, capsys):
    standing(Promoted(GOOD, BAD, UNKNOWN))
    assert run(["promote"]) == REFUSED
    *lines, last = capsys.readouterr().out.splitlines()
    assert lines == [
        "passed   caught up: 0.0 s behind the log; limit: at most 5 s",
        "REFUSED  overlap: 0.31 of the first 10 documents; limit: at least 0.50",
        "-        nDCG@10: not measured; limit: at most 0.02 below",
    ]
    assert last == "new stays as it is, for overlap refused it; live is still old"


def test_programs_get_each_check_with_its_figure_and_its_bound(standing, capsys):
    standing(Promoted(GOOD, BAD))
    assert run(["promote", "--json"]) == REFUSED
    told = json.loads(capsys.readouterr().out)
    assert (told["version"], told["live"], told["promoted"]) == ("new", "old", False)
    assert [(each["name"], each["passed"], each["value"], each["bound"]) for each in told["checks"]] == [
        ("caught up", True, 0.0, 5.0),
        ("overlap", False, 0.31, 0.5),
    ]


def test_a_switch_tells_the_way_back(standing, capsys):
    promoted = standing(Promoted(GOOD, UNKNOWN))
    options = ("--min-overlap", "0.3", "--max-ndcg-loss", "0.1", "--max-slowdown", "2", "--queries-count", "7")
    assert run(["promote", "abc", *options]) == DONE
    told = capsys.readouterr().out
    assert "live: new; before: old" in told
    assert "freshet rollback" in told
    wanted, examination = promoted.asked
    assert (wanted, examination.count, examination.file) == ("abc", 7, None)
    assert examination.limits == Limits(overlap=0.3, ndcg_loss=0.1, slowdown=2)


def test_what_is_live_already_is_told_so(standing, capsys):
    standing(Promoted(left="new"))
    assert run(["promote"]) == DONE
    assert capsys.readouterr().out == (
        "new is live already; to put another one live, give the settings that it was built with\n"
    )
    assert run(["promote", "--json"]) == DONE
    told = json.loads(capsys.readouterr().out)
    assert (told["live"], told["left"], told["promoted"]) == ("new", None, False)


def test_force_asks_nothing(standing, capsys):
    promoted = standing(Promoted(left=None))
    assert run(["promote", "abc", "--force"]) == DONE
    assert promoted.asked == ["abc"]
    told = capsys.readouterr()
    assert told.out.startswith("live: new; before: none\nit is behind the log by: 1,313 events, 12.5 s\n")
    assert told.err == ""


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        (replace(KEPT, built=False), "never built to the end"),
        (replace(KEPT, members=0), "nobody follows it"),
        (replace(KEPT, lag=None, untold="no broker answers"), "not known: no broker answers"),
        (replace(KEPT, lag=None), "the topic that it follows is gone"),
    ],
)
def test_what_is_forced_though_it_lacks_something_is_told_so(kept, told, standing, capsys):
    standing(Promoted(kept=kept))
    assert run(["promote", "abc", "--force"]) == DONE
    assert told in capsys.readouterr().err


def test_programs_hear_how_what_was_forced_is_kept(standing, capsys):
    standing(Promoted(kept=replace(KEPT, built=False)))
    assert run(["promote", "abc", "--force", "--json"]) == DONE
    told = json.loads(capsys.readouterr().out)
    assert (told["promoted"], told["live"], told["left"]) == (True, "new", "old")
    assert (told["lag"], told["built"]) == ({"events": 1_313, "seconds": 12.5}, False)


def test_limits_that_cannot_be_are_refused_before_anything_is_asked(standing):
    promoted = standing(Promoted(GOOD))
    assert run(["promote", "--min-overlap", "1.5"]) == USAGE
    assert run(["promote", "--queries", "no-such-file"]) == USAGE
    assert promoted.asked == []


def test_the_options_begin_at_the_limits_that_the_decision_gives_reasons_for(standing):
    promoted = standing(Promoted(GOOD))
    assert run(["promote"]) == DONE
    assert promoted.asked[1].limits == Limits()
