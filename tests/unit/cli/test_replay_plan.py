"""What `freshet replay plan` prints."""

import json
from dataclasses import replace
from typing import Any

import pytest

from freshet.cli import replay_plan
from freshet.search.embedding.base import Model
from freshet.search.index.differences import Difference, Part
from freshet.search.index.facts import State
from freshet.streams.forecast.forecast import forecast
from freshet.streams.forecast.looking import Amount, Look, Looks, Texts
from freshet.streams.forecast.pace import Counting, Measured, Pace
from freshet.streams.forecast.rehearsal import Totals
from freshet.wiring.plan import Plan

NONE = Amount()
LATER = Texts(0, NONE, NONE, NONE)
LOOKS = [Look(Texts(100, NONE, NONE, Amount(1, tokens)), LATER, 100, 1, 9, 500) for tokens in (20, 30)]
TOTALS = Totals(events=9_000, documents=8_000, live=7_000, first_bytes=800_000, live_bytes=700_000, replaced_bytes=400)
MEASURED = Measured(Pace((1_000.0, 2_000.0)), Counting(1.0, 2.0), 54)


def plan(**changes: Any) -> Plan:
    looks, model = Looks(most=9, found=LOOKS), Model("openai", "big", 8, 256, usd_per_million_tokens=1.5)
    told = forecast(TOTALS, looks, MEASURED, model=model, read_seconds=90.0, build=None)
    differs = [Difference(Part.PASSAGES, "256 tokens", "128 tokens")]
    return replace(Plan("i__b", "i__a", None, differs, model.usd_per_million_tokens, told), **changes)


@pytest.fixture
def printed(monkeypatch, capsys):
    """What is printed of a plan."""

    def run(found: Plan, *, json: bool = False) -> str:
        monkeypatch.setattr("freshet.wiring.plan.plan", lambda *_, **__: None)
        monkeypatch.setattr("freshet.wiring.parts.fetch_model", lambda _: None)
        monkeypatch.setattr(replay_plan, "run_quietly", lambda _: found)
        replay_plan.plan(json=json)
        return str(capsys.readouterr().out)

    return run


def test_people_read_tokens_and_money_with_their_ranges(printed):
    lines = [" ".join(line.split()) for line in printed(plan()).splitlines()]
    assert lines[0] == "the settings describe i__b, which is not there yet; live is i__a"
    assert "passages 256 tokens 128 tokens texts that are cut otherwise are embedded again" in lines
    assert "documents 7,000" in lines
    assert "to be embedded 216,000 136,010 to 295,990" in lines
    assert "with other batches up to 108 more" in lines
    assert "USD 0.32 0.20 to 0.44" in lines
    assert "tokens a second 1,500 1,250 to 1,750" in lines
    assert "reading 0:01:30" in lines
    assert lines[-1] == "estimated from 2 of 8,000 documents"


def test_programs_read_the_same(printed):
    told = json.loads(printed(plan(), json=True))
    assert (told["version"], told["live"], told["state"]) == ("i__b", "i__a", None)
    assert told["differences"] == [{"part": "passages", "live": "256 tokens", "settings": "128 tokens"}]
    tokens = told["forecast"]["tokens"]
    assert tokens["to_embed"]["value"] == tokens["all"]["value"] == 216_000
    assert told["forecast"]["usd"]["value"] == pytest.approx(0.324)
    assert told["forecast"]["seconds"]["all"]["low"] <= told["forecast"]["seconds"]["all"]["high"]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"live": "i__b", "state": State.LIVE, "forecast": None}, "i__b, which is live: there is nothing to build"),
        ({"state": State.BUILDING}, "i__b, which is building; live is i__a"),
        ({"live": None, "differences": []}, "i__b, which is not there yet; none is live"),
        (
            {"live": None, "differences": []},
            "documents\nthere is no version yet to build it beside; make it with: freshet worker\n",
        ),
        ({"differences": []}, "it differs in nothing from the live version"),
        (
            {"live": "i__b", "state": State.LIVE, "forecast": None, "differences": [Difference(Part.TOPIC, "a", "b")]},
            "set FRESHET_GENERATION",
        ),
    ],
)
def test_where_the_version_stands_is_told(printed, changes, text):
    assert text in printed(plan(**changes))
