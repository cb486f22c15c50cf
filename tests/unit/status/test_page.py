from datetime import UTC, datetime, timedelta
from typing import Any

from freshet.schemas.http import CheckResult, Health
from freshet.schemas.status import (
    IndexStatus,
    PartitionStatus,
    SearchStatus,
    SpreadStatus,
    StageStatus,
    Status,
    WorkerStatus,
)
from freshet.status.page import status_page

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
EVIL = "<script>alert(1)</script>"


def status(**given: Any) -> Status:
    return Status(
        **{
            "process": "worker",
            "freshet": "1.2.3",
            "started_at": NOW - timedelta(hours=26, minutes=5),
            "now": NOW,
            "index": IndexStatus(name="documents", version=None),
            "health": Health(status="healthy", checks={"kafka": CheckResult(ok=True)}),
            "lag": None,
            **given,
        }
    )


def worker(**given: Any) -> WorkerStatus:
    stage = StageStatus(stage="embed", waiting=1, busy=True, events=12_345, events_per_second=98.6)
    nothing: dict[str, Any] = {"events": {}, "dead_letters": {}, "freshness": None}
    return WorkerStatus(**{"group": "g", "stages": [stage], **nothing, **given})


def test_a_process_that_has_just_started_says_what_is_not_known_yet():
    page = status_page(status())
    for told in ("All checks pass", "not known yet", "1 d 2 h ago", "Kafka does not tell it", "1.2.3"):
        assert told in page


def test_what_fails_is_told_with_its_reason():
    checks = {"index": CheckResult(ok=False, error="Qdrant is away"), "kafka": CheckResult(ok=True)}
    page = status_page(status(health=Health(status="unhealthy", checks=checks)))
    assert "<strong>index</strong>: Qdrant is away" in page
    assert "All checks pass" not in page
    assert "kafka" not in page


def test_stages_lag_freshness_and_dead_letters_are_told():
    lag = [
        PartitionStatus(topic="documents", partition=0, committed=None, end=7, events=7, seconds=75.2),
        PartitionStatus(topic="documents", partition=1, committed=5, end=5, events=0, seconds=0),
    ]
    spread = SpreadStatus(count=1_000, p50=0.0321, p99=12.5)
    page = status_page(status(lag=lag, worker=worker(freshness=spread, dead_letters={"not_json": 2})))
    for row in (
        ["embed", "1", "yes", "12,345", "99"],
        ["documents/0", "7", "1 min 15 s", "–", "7"],
        ["documents/1", "0", "–", "5", "5"],
        ["not_json", "2"],
    ):
        assert f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" in page
    assert "Half were searchable within 32 ms, 99 of 100 within 12.5 s (1,000 in the last minute)." in page


def test_a_worker_that_has_done_nothing_lately_says_so():
    page = status_page(status(worker=worker()))
    assert "Nothing was written in the last minute." in page
    assert "<h2>Dead letters by reason</h2>\n<p>None.</p>" in page


def test_a_search_service_tells_of_its_searches():
    latency = SpreadStatus(count=3, p50=0.01, p99=0.02)
    search = SearchStatus(
        searches={"answered": 3}, searches_per_second=0.3, latency=latency, in_flight=2, shed={"no_chance": 0}
    )
    page = status_page(status(process="search", search=search))
    for told in ("Freshet · Search service", "0.3 searches/s, 2 in work", "Half were answered within 10 ms"):
        assert told in page
    assert "Stages" not in page
    assert "sent away" not in page


def test_a_search_service_tells_where_its_answers_came_from():
    search = SearchStatus(
        searches={"answered": 3},
        searches_per_second=1,
        latency=None,
        in_flight=0,
        shed={},
        answers={"hot": 2, "miss": 1, "off": 0},
    )
    page = status_page(status(process="search", search=search))
    assert "<h2>Answers by where they came from</h2>" in page
    assert "<tr><td>hot</td><td>2</td></tr>" in page


def test_a_search_service_that_had_too_much_to_do_tells_whom_it_has_sent_away():
    search = SearchStatus(
        searches={"shed": 7}, searches_per_second=1, latency=None, in_flight=64, shed={"queue_full": 0, "no_chance": 7}
    )
    page = status_page(status(process="search", search=search))
    assert "<h2>Searches sent away by reason</h2>" in page
    assert "<tr><td>no_chance</td><td>7</td></tr>" in page


def test_a_search_service_that_does_not_follow_the_change_feed_says_so():
    search = SearchStatus(searches={}, searches_per_second=0, latency=None, in_flight=0, shed={})
    pages = {
        told: status_page(status(process="search", search=search.model_copy(update={"following": told})))
        for told in (True, False, None)
    }
    assert [told for told, page in pages.items() if "The change feed is not followed now" in page] == [False]


def test_nothing_that_comes_from_outside_is_taken_for_html():
    lag = [PartitionStatus(topic=EVIL, partition=0, committed=0, end=0, events=0, seconds=0)]
    checks = {EVIL: CheckResult(ok=False, error=EVIL)}
    page = status_page(
        status(
            index=IndexStatus(name=EVIL, version=EVIL),
            health=Health(status="unhealthy", checks=checks),
            lag=lag,
            worker=worker(group=EVIL, events={EVIL: 1}, dead_letters={EVIL: 1}),
        )
    )
    assert "<script>" not in page
    assert page.count("&lt;script&gt;") == 8
