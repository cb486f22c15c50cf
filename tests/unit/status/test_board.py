from datetime import UTC, datetime

from freshet.schemas.errors import TransientError
from freshet.schemas.status import SearchStatus
from freshet.search.health import Check
from freshet.status.board import Board

NOW = datetime(2026, 11, 24, tzinfo=UTC)


async def away() -> None:
    raise TransientError("reach Kafka", "connection refused")


async def test_before_any_part_is_there_it_tells_what_the_process_waits_for():
    status = await Board("worker", "documents", {"start": away}, now=lambda: NOW).status()
    assert (status.process, status.index.name, status.index.version) == ("worker", "documents", None)
    assert status.health.checks["start"].error == "reach Kafka: connection refused"
    assert (status.lag, status.worker, status.search) == (None, None, None)


async def test_it_tells_of_each_part_that_was_put_up():
    checks: dict[str, Check] = {}
    board = Board("search", "documents", checks, now=lambda: NOW)
    before = await board.status()
    board.version = lambda: "documents__1"
    board.lag = list
    board.search = lambda: SearchStatus(searches={}, searches_per_second=0, latency=None, in_flight=0, shed={})
    status = await board.status()
    assert (status.index.version, status.lag) == ("documents__1", [])
    assert status.search is not None
    assert status.started_at == before.started_at
