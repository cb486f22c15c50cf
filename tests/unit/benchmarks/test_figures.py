"""Figures are what others hold us to: a benchmark that runs again must not lose those of its neighbours."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.figures import Figure, FiguresError, merge, significant
from freshet.search.recent import quantile


def names(file: Path) -> dict[str, float]:
    return {each["name"]: each["value"] for each in json.loads(file.read_text())}


def test_a_benchmark_that_runs_again_replaces_its_own_figures_and_no_others(tmp_path: Path):
    file = tmp_path / "latest.json"
    merge(file, "indexing", [Figure("indexing.rate", 1, "events/s"), Figure("indexing.old", 1, "ms")])
    merge(file, "freshness", [Figure("freshness.p50", 2, "ms")])
    merge(file, "indexing", [Figure("indexing.rate", 3, "events/s")])
    assert names(file) == {"freshness.p50": 2, "indexing.rate": 3}


def test_a_benchmark_whose_name_begins_like_anothers_leaves_it_alone(tmp_path: Path):
    file = tmp_path / "latest.json"
    merge(file, "indexing-torch", [Figure("indexing-torch.rate", 1, "events/s")])
    merge(file, "indexing", [Figure("indexing.rate", 2, "events/s")])
    assert names(file) == {"indexing-torch.rate": 1, "indexing.rate": 2}


def test_an_entry_has_the_fields_that_its_readers_expect(tmp_path: Path):
    file = tmp_path / "latest.json"
    merge(file, "indexing", [Figure("indexing.ratio", 0.9, "ratio", goal=">=0.95", baseline=1)])
    (entry,) = json.loads(file.read_text())
    machine = entry.pop("machine")
    assert machine
    assert entry == {"name": "indexing.ratio", "value": 0.9, "unit": "ratio", "goal": ">=0.95", "baseline": 1}


@pytest.mark.parametrize("content", ["no json", '{"name": 1}', "[1]", '[{"value": 1}]'])
def test_a_file_of_something_else_is_refused_and_left_as_it_is(tmp_path: Path, content: str):
    file = tmp_path / "latest.json"
    file.write_text(content)
    with pytest.raises(FiguresError, match=r"latest\.json"):
        merge(file, "indexing", [])
    assert file.read_text() == content


@pytest.mark.parametrize(
    ("value", "goal", "reached"),
    [(0.95, ">=0.95", True), (0.94, ">=0.95", False), (1.5, "<=1.5", True), (1.6, "<=1.5", False), (1, None, None)],
)
def test_a_goal_is_reached_from_the_right_side(value: float, goal: str | None, reached: bool | None):
    assert Figure("a.b", value, "ratio", goal=goal).reached is reached


def test_quantiles_of_a_hundred_values_are_the_values_of_that_rank():
    values = [float(number) for number in range(100, 0, -1)]
    assert (quantile(values, 0.5), quantile(values, 0.99), quantile(values, 1)) == (50, 99, 100)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.01, 1))
def test_a_quantile_is_a_value_that_enough_of_the_others_do_not_exceed(values: list[float], share: float):
    found = quantile(values, share)
    assert found in values
    assert sum(each <= found for each in values) >= len(values) * share - 1e-6


@pytest.mark.parametrize(("value", "shown"), [(12345.6, 12350), (0.000123456, 0.0001235), (0, 0), (3.0, 3)])
def test_figures_are_kept_to_four_digits(value: float, shown: float):
    assert significant(value) == shown
