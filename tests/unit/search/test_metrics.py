from __future__ import annotations

from prometheus_client import CollectorRegistry

from freshet.search.load import Shed
from freshet.search.metrics import Degraded, SearchMetrics


def test_what_is_worked_on_and_who_was_sent_away_is_told_to_prometheus_and_to_people():
    registry = CollectorRegistry()
    metrics = SearchMetrics(registry)
    metrics.entered(0.25)
    metrics.entered(0)
    metrics.left()
    metrics.shed(Shed.TOO_LATE)
    assert registry.get_sample_value("freshet_search_in_flight") == 1
    assert registry.get_sample_value("freshet_search_stage_seconds_sum", {"stage": "queue"}) == 0.25
    assert registry.get_sample_value("freshet_search_shed_total", {"reason": "too_late"}) == 1
    status = metrics.status()
    assert status.in_flight == 1
    assert {reason: count for reason, count in status.shed.items() if count} == {"too_late": 1}


def test_an_answer_that_lacks_something_is_counted_by_what_it_lacks():
    registry = CollectorRegistry()
    metrics = SearchMetrics(registry)
    metrics.degraded(Degraded.RERANK_LATE)
    assert registry.get_sample_value("freshet_search_degraded_total", {"reason": "rerank_late"}) == 1
