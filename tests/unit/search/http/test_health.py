from __future__ import annotations

import pytest

from freshet.schemas.errors import MisfitError, TransientError
from freshet.search.index.base import VersionInfo
from freshet.search.live import LiveVersion
from tests.unit.search.http.world import World

HEALTHY = {"status": "healthy", "checks": {"index": {"ok": True}, "embedder": {"ok": True}}}


@pytest.mark.parametrize("path", ["/health", "/readyz"])
async def test_a_service_whose_parts_work_is_healthy(world, path):
    answer = await world.ask("GET", path)
    assert (answer.status, answer.json) == (200, HEALTHY)


@pytest.mark.parametrize("path", ["/health", "/readyz"])
async def test_a_service_without_a_live_version_is_not_ready_and_says_so_while_it_lives(path):
    world = World()
    world.versions.name = None
    async with world.serving():
        answer = await world.ask("GET", path)
        assert (answer.status, answer.json["status"]) == (503, "unhealthy")
        assert not answer.json["checks"]["index"]["ok"]
        assert "no index version is live" in answer.json["checks"]["index"]["error"]
        assert answer.json["checks"]["embedder"] == {"ok": True}
        assert (await world.ask("GET", "/livez")).status == 200
        world.versions.name = "documents__abc"
        assert (await world.ask("GET", path)).status == 200


async def test_a_model_that_does_not_answer_is_named_and_asked_until_it_does_and_then_no_more():
    world = World()
    world.embedder.failure = TransientError("embed", "the model is away")
    async with world.serving():
        answer = await world.ask("GET", "/readyz")
        assert (answer.status, answer.json["checks"]["embedder"]["ok"]) == (503, False)
        world.embedder.failure = None
        for _ in range(3):
            assert (await world.ask("GET", "/readyz")).status == 200
        assert len(world.embedder.asked) == 1


async def test_while_the_live_version_is_of_a_model_that_is_not_at_hand_searches_and_checks_say_so(monkeypatch):
    world = World()

    def refuse(info: VersionInfo) -> LiveVersion:
        raise MisfitError(f"{info.name} was built for m; name it in FRESHET_SEARCH__OTHER_MODELS")

    monkeypatch.setattr(world.index, "_open_version", refuse)
    async with world.serving():
        for _ in range(2):
            answer = await world.search("cat")
            assert (answer.status, answer.json["type"]) == (503, "/problems/unavailable")
            assert "not set up for; /readyz tells more" in answer.json["detail"]
            assert int(answer.headers["Retry-After"]) > 0
            ready = await world.ask("GET", "/readyz")
            assert ready.status == 503
            assert ready.json["checks"]["index"]["error"].endswith("FRESHET_SEARCH__OTHER_MODELS")
