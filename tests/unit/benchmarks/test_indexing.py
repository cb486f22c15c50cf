from benchmarks.encoder import Rate
from benchmarks.indexing import Pipeline, figures


def value(name: str, loops: list[float], pipelines: list[float]) -> tuple[float, float | None]:
    rates = [Rate(passages=200, tokens=2_000, seconds=seconds, cpu_seconds=1) for seconds in loops]
    found = figures(100, rates, [Pipeline(seconds, {"worker": 2, "kafka": 0.5}) for seconds in pipelines])
    figure = next(each for each in found if each.name == f"indexing.{name}")
    return figure.value, figure.baseline


def test_a_pipeline_that_takes_twice_as_long_as_the_encoder_has_ratio_one_half():
    assert value("ratio_to_bare_encoder", [10, 10], [20]) == (0.5, 1)


def test_each_pipeline_is_held_against_the_loops_beside_it():
    """A machine that becomes twice as slow half way changes nothing for those on either side."""
    assert value("ratio_to_bare_encoder", [10, 10, 20, 20], [10, 15, 20])[0] == 1


def test_rates_are_in_events_and_the_baseline_is_the_encoders():
    assert value("events_per_second", [5, 5], [10]) == (10, 20)


def test_cpu_is_told_for_each_process_and_the_workers_held_against_the_encoder():
    assert value("cpu_worker", [10, 10], [10]) == (20, 10)
    assert value("cpu_kafka", [10, 10], [10]) == (5, None)
