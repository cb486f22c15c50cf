"""The page of metrics, from the registries of both processes."""

# ruff: noqa: SLF001 (the library has no public way to help texts, labels and buckets of what was never observed)

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from freshet.schemas.topics import Topics
from freshet.schemas.words import Word
from freshet.search.embedding.metrics import EmbeddingMetrics
from freshet.search.feed.metrics import FeedMetrics
from freshet.search.metrics import SearchMetrics
from freshet.search.results.metrics import ResultMetrics
from freshet.search.results.upkeep import UpkeepMetrics
from freshet.streams.lag import Followed, LagWatcher
from freshet.streams.metrics import WorkerMetrics
from freshet.wiring.parts import new_registry
from tools.reference.markdown import page, table

INTRODUCTION: Final = """\
Each process serves them at `GET /metrics` of its probe port, in Prometheus's text format. Metrics of the process itself
(`process_…`, `python_…`) are Prometheus's own. Those without our prefix keep their names all the same.
[Operations](../operations.md#metrics) tells how to read them."""
_SUFFIXES: Final = {"counter": "_total", "info": "_info"}


def metrics_page() -> str:
    """The whole page."""
    found = metrics()
    rows = []
    for name, (metric, processes) in found.items():
        labels = ", ".join(f"`{label}`" for label in _labels(metric)) or "–"
        rows.append([f"`{name}`", metric._type, labels, ", ".join(processes), metric._documentation])
    overview = table(["metric", "type", "labels", "process", "tells"], rows)
    return page("Metrics", "the registries of both processes", INTRODUCTION, overview, _values(found), _buckets(found))


def metrics() -> dict[str, tuple[Any, list[str]]]:
    """Every metric by the name that Prometheus sees, with the processes that have it."""
    found: dict[str, tuple[Any, list[str]]] = {}
    for process, own in (("worker", (WorkerMetrics,)), ("search", (SearchMetrics, FeedMetrics))):
        registry = new_registry()
        for each in own:
            each(registry)
        EmbeddingMetrics(registry)
        if process == "search":
            ResultMetrics(registry)
            UpkeepMetrics(registry)
        LagWatcher(_never, followed=Followed(Topics(), "").always, registry=registry)
        for metric in _collectors(registry):
            name = metric._name + _SUFFIXES.get(metric._type, "")
            found.setdefault(name, (metric, []))[1].append(process)
    return dict(sorted(found.items(), key=lambda item: (not item[0].startswith("freshet_"), item[0])))


def _never() -> Any:
    raise AssertionError("nothing is measured here")


def _collectors(registry: CollectorRegistry) -> Iterator[Any]:
    for collector in registry._collector_to_names:
        if isinstance(collector, MetricWrapperBase):
            yield collector


def _labels(metric: Any) -> list[str]:
    return [*metric._labelnames, *(metric._value if metric._type == "info" else ())]


def _values(found: dict[str, tuple[Any, list[str]]]) -> str:
    """The values of labels that are known beforehand, with their meaning where they are words of ours."""
    parts = ["## Values of labels"]
    for name, (metric, _) in found.items():
        for position, label in enumerate(metric._labelnames):
            values = list(dict.fromkeys(labels[position] for labels in metric._metrics))
            if values:
                parts.append(f"### `{name}`: `{label}`\n\n{_described(values)}")
    return "\n\n".join(parts)


def _described(values: list[str]) -> str:
    for words in Word.__subclasses__():
        if {each.value for each in words} == set(values):
            return table(["value", "means"], [[f"`{each.value}`", each.meaning] for each in words])
    return ", ".join(f"`{value}`" for value in values)


def _buckets(found: dict[str, tuple[Any, list[str]]]) -> str:
    rows = []
    for name, (metric, _) in found.items():
        if metric._type == "histogram":
            rows.append([f"`{name}`", ", ".join(f"{bound:g}" for bound in metric._upper_bounds[:-1])])
    return "## Buckets\n\n" + table(["histogram", "upper bounds"], rows)
