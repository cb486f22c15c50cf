"""`--modes` picks rows, and their order never depends on how it was written."""

import pytest

from freshet.evaluation.runs import RUNS, choose
from freshet.schemas.errors import SettingsError


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ("sparse,dense,hybrid", ["sparse", "dense", "hybrid"]),
        (" hybrid , sparse ", ["sparse", "hybrid"]),
        ("dense,dense", ["dense"]),
    ],
)
def test_runs_are_picked_by_their_names(given, names):
    assert [run.name for run in choose(given)] == names


@pytest.mark.parametrize("given", ["", ",", "Sparse", "sparse;dense", "sparse,rank"])
def test_what_is_no_run_is_refused(given):
    with pytest.raises(SettingsError, match="--modes: "):
        choose(given)


def test_no_two_runs_share_a_row():
    assert len({run.name for run in RUNS}) == len(RUNS)
