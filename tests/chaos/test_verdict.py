"""A run is clean only where nothing at all was found, and its line tells what was."""

import json

import pytest

from freshet.schemas.positions import Order
from tests.chaos.compare import Difference
from tests.chaos.fold import fold
from tests.chaos.verdict import Verdict

NOTHING = fold([], Order.LOG, max_bytes=1_000)


@pytest.mark.parametrize("part", ["index", "answers", "rebuild"])
def test_a_difference_anywhere_is_a_finding(part):
    verdict = Verdict(1, "log")
    assert verdict.clean
    lost = Difference("lost", "d", "a document", "none")
    verdict.take([lost, Difference("mixed", "e", "one state", "two")], NOTHING, getattr(verdict, part))
    assert not verdict.clean
    assert verdict.first.startswith("lost: d")
    told = json.loads(verdict.line)
    assert (told["differences"], told["lost"], told["mixed"], told["resurrected"]) == (2, 1, 1, 0)
    assert told[part] == {"lost": 1, "mixed": 1}


def test_a_worker_that_ended_by_itself_is_a_finding():
    verdict = Verdict(1, "log", died=["its last words"])
    assert not verdict.clean
    assert json.loads(verdict.line)["died"] == 1
