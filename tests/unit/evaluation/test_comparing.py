"""A change is called one only where chance does not do as much."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freshet.evaluation.comparing import compare, p_value
from freshet.evaluation.measuring import MEASURES
from freshet.evaluation.results import Corpus, Evaluation, Latency, RunResult, Setup
from freshet.schemas.errors import SettingsError


def evaluation(runs: Mapping[str, Sequence[float]], *, queries_digest: str = "same") -> Evaluation:
    """Each run with the scores of its queries, in every measure."""
    count = max((len(each) for each in runs.values()), default=0)
    return Evaluation(
        corpus=Corpus(
            name="mini",
            documents=9,
            passages=9,
            digest="d",
            split="test",
            queries=count,
            queries_digest=queries_digest,
        ),
        setup=Setup(
            model="m", window=9, languages=["en"], average_length=9, fusion="minmax", list_length=100, fingerprint="f"
        ),
        runs=[_run(name, each) for name, each in runs.items()],
    )


def _run(name: str, scores: Sequence[float]) -> RunResult:
    queries = {f"q{at}": {"ndcg@10": each, "recall@100": each, "mrr@10": each} for at, each in enumerate(scores)}
    means = dict.fromkeys(MEASURES, sum(scores) / len(scores))
    return RunResult(name=name, measures=means, latency_ms=Latency(p50=1, p95=2), queries=queries)


def test_five_queries_that_all_rose_are_one_world_of_thirty_two_on_each_side():
    assert p_value([0.1, 0.2, 0.3, 0.4, 0.5]) == pytest.approx(2 / 32)


def test_what_rises_as_often_as_it_falls_by_as_much_is_chance():
    assert p_value([0.3, -0.3] * 40) > 0.9


def test_a_hundred_queries_that_all_rose_are_no_chance():
    assert p_value([0.01] * 100) < 0.001


def test_one_query_proves_nothing():
    assert p_value([1.0]) == 1


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-1, 1, width=16), min_size=2, max_size=40))
def test_better_and_worse_are_weighed_alike(differences):
    p = p_value(differences)
    assert 0 < p <= 1
    assert p_value([-each for each in differences]) == pytest.approx(p, abs=0.02)
    assert p_value(differences) == p


def test_a_result_does_not_differ_from_itself():
    same = evaluation({"sparse": [0.1, 0.9], "hybrid": [0.5, 0.7]})
    for change in compare(same, same):
        assert (change.delta, change.p, change.wins, change.losses) == (0, 1, 0, 0)


def test_a_change_tells_means_wins_and_losses():
    before, after = evaluation({"dense": [0.0, 0.5, 1.0, 0.5]}), evaluation({"dense": [0.5, 1.0, 0.5, 0.5]})
    changes = compare(before, after)
    assert [each.measure for each in changes] == ["ndcg@10", "recall@100", "mrr@10"]
    assert (changes[0].before, changes[0].after, changes[0].delta) == (0.5, 0.625, 0.125)
    assert (changes[0].wins, changes[0].losses) == (2, 1)


def test_only_what_both_have_is_compared():
    before, after = evaluation({"dense": [0.5, 0.5]}), evaluation({"sparse": [0.5, 0.5], "dense": [0.5, 0.5]})
    assert {each.run for each in compare(before, after)} == {"dense"}


@pytest.mark.parametrize(
    ("before", "told"),
    [
        (evaluation({"dense": [0.5, 0.5]}, queries_digest="others"), "other queries or other judgements"),
        (evaluation({"sparse": [0.5, 0.5]}), "there is only sparse to compare with"),
        (evaluation({}), "there is only nothing to compare with"),
        (evaluation({"dense": [0.5]}), "has the scores of other queries"),
    ],
)
def test_what_cannot_be_compared_is_refused(before, told):
    with pytest.raises(SettingsError, match=told):
        compare(before, evaluation({"dense": [0.5, 0.5]}))
