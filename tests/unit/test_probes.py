from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from aiohttp import ClientSession
from prometheus_client import CollectorRegistry, Counter

from freshet.probes import create_probe_app
from freshet.schemas.errors import TransientError
from freshet.schemas.status import Status
from freshet.search.health import Check, run_checks
from freshet.search.http.serving import serve
from freshet.status.board import Board


async def fine() -> None:
    return


async def away() -> None:
    raise TransientError("reach Kafka", "connection refused", hint="is it running?")


async def broken() -> None:
    raise ValueError("password=hunter2")


async def silent() -> None:
    await asyncio.Event().wait()


@asynccontextmanager
async def probes(
    checks: Mapping[str, Check], registry: CollectorRegistry | None = None
) -> AsyncIterator[ClientSession]:
    app = create_probe_app(registry=registry or CollectorRegistry(), board=Board("worker", "documents", checks))
    async with serve(app, host="127.0.0.1", port=0) as port, ClientSession(f"http://127.0.0.1:{port}") as session:
        yield session


async def test_metrics_of_the_given_registry_are_served_in_prometheus_format():
    registry = CollectorRegistry()
    Counter("search_requests_total", "Searches", registry=registry).inc(3)
    async with probes({}, registry) as session, session.get("/metrics") as response:
        assert response.status == 200
        assert response.headers["Content-Type"].startswith("text/plain")
        assert "search_requests_total 3.0" in (await response.text()).splitlines()


async def test_a_process_that_fails_what_it_lives_by_is_not_alive_and_says_why():
    lives = {"work": fine}
    app = create_probe_app(registry=CollectorRegistry(), board=Board("worker", "documents", {"kafka": away}, lives))
    async with serve(app, host="127.0.0.1", port=0) as port, ClientSession(f"http://127.0.0.1:{port}") as session:
        async with session.get("/livez") as response:
            assert (response.status, (await response.json())["checks"]) == (200, {"work": {"ok": True}})
        lives["work"] = away
        async with session.get("/livez") as response:
            assert response.status == 503
            assert "connection refused" in (await response.json())["checks"]["work"]["error"]


async def test_a_process_whose_checks_pass_is_ready():
    async with probes({"kafka": fine}) as session:
        for path in ("/health", "/readyz"):
            async with session.get(path) as response:
                assert response.status == 200
                assert await response.json() == {"status": "healthy", "checks": {"kafka": {"ok": True}}}


async def test_each_failing_check_is_named_and_the_process_still_lives():
    async with probes({"kafka": away, "index": fine}) as session:
        for path in ("/health", "/readyz"):
            async with session.get(path) as response:
                assert response.status == 503
                body = await response.json()
                assert body["status"] == "unhealthy"
                assert body["checks"]["index"] == {"ok": True}
                assert body["checks"]["kafka"]["error"] == "reach Kafka: connection refused (is it running?)"
        async with session.get("/livez") as response:
            assert response.status == 200


async def test_a_probe_is_asked_by_any_name_because_the_cluster_asks_by_address():
    async with probes({}) as session, session.get("/livez", headers={"Host": "10.1.2.3"}) as response:
        assert response.status == 200


async def test_an_unknown_path_is_a_problem():
    async with probes({}) as session, session.get("/search") as response:
        assert response.status == 404
        assert response.content_type == "application/problem+json"


async def test_a_check_that_hangs_fails_within_its_time_and_holds_up_no_other():
    health = await run_checks({"a": silent, "b": fine}, seconds=0.02)
    assert health.checks["a"].error == "no answer within 0.02 s"
    assert health.checks["b"].ok


async def test_a_probe_that_comes_while_a_start_ends_is_answered_with_what_there_was():
    checks: dict[str, Check] = {}

    async def started() -> None:
        checks.clear()
        checks.update(kafka=started, index=started)

    checks["start"] = started
    assert list((await run_checks(checks)).checks) == ["start"]


async def test_what_an_unforeseen_failure_says_goes_to_the_log_only(caplog):
    health = await run_checks({"a": broken})
    assert health.checks["a"].error == "ValueError"
    assert "hunter2" in caplog.text


async def test_the_status_is_a_page_for_people_and_json_for_programs():
    async with probes({"kafka": away}) as session:
        async with session.get("/status", headers={"Accept": "text/html,*/*;q=0.8"}) as response:
            assert response.status == 200, "who looks at a process that is not well must see why"
            assert response.content_type == "text/html"
            assert "connection refused" in await response.text()
        async with session.get("/status", headers={"Accept": "application/json"}) as response:
            status = Status.model_validate_json(await response.read())
            assert status.health.checks["kafka"].error == "reach Kafka: connection refused (is it running?)"


async def test_all_that_the_status_page_is_made_of_is_there():
    async with probes({}) as session, session.get("/status") as response:
        parts = re.findall(r'(?:href|src)="(/[^"]+)"', await response.text())
        assert len(parts) == 4
        for part in parts:
            async with session.get(part) as answer:
                assert answer.status == 200, part
