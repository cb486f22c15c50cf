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
    assert [run.name for run in choose(given, reranks=False)] == names


@pytest.mark.parametrize("given", ["", ",", "Sparse", "sparse;dense", "sparse,rank"])
def test_what_is_no_run_is_refused(given):
    with pytest.raises(SettingsError, match="--modes: "):
        choose(given, reranks=True)


def test_what_can_be_done_is_done_where_nothing_is_picked():
    assert [run.name for run in choose(None, reranks=False)] == ["sparse", "dense", "hybrid"]
    assert [run.name for run in choose(None, reranks=True)] == ["sparse", "dense", "hybrid", "reranked"]


def test_reranking_needs_a_reranker():
    assert [run.name for run in choose("reranked", reranks=True)] == ["reranked"]
    with pytest.raises(SettingsError, match="FRESHET_RERANK__PROVIDER"):
        choose("reranked", reranks=False)


def test_no_two_runs_share_a_row():
    assert len({run.name for run in RUNS}) == len(RUNS)
