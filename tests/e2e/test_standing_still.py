"""A worker in which something hangs says so where an orchestrator asks, and one that is idle does not."""

from tests.support.road import Road
from tests.support.waiting import wait_until


async def test_a_worker_whose_stage_hangs_fails_its_liveness_check(kafka, qdrant, log_name, started):
    road = Road(
        bootstrap=kafka.bootstrap,
        qdrant_url=qdrant.url,
        qdrant_key=qdrant.api_key,
        log_name=log_name,
        settings={"FRESHET_WORKER__STANDSTILL_SECONDS": "1", "FRESHET_WORKER__SHUTDOWN_SECONDS": "0.1"},
        module="tests.support.hanging_worker",
    )
    worker = await started(road.worker())
    assert await worker.probe("/livez") == (200, '{"status":"healthy","checks":{"work":{"ok":true}}}')
    async with road.publisher() as publisher:
        await publisher.upsert("d", "The lighthouse warns ships at night.")

    async def failed():
        status, text = await worker.probe("/livez")
        return text if status == 503 else None

    text = await wait_until(failed, "its liveness check fails", deadline=60)
    assert "events that wait: 1; nothing has moved for" in text
