"""Routes for those who watch over a process."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from freshet.schemas.http import Health
from freshet.search.health import Check, run_checks
from freshet.search.http.answers import json_response


class HealthRoutes:
    """`/livez`: the process answers. `/readyz` and `/health`: its parts work, or 503 with what is wrong with which."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = checks

    def table(self) -> list[web.RouteDef]:
        return [web.get("/livez", self.live), web.get("/readyz", self.ready), web.get("/health", self.ready)]

    async def live(self, _: web.Request) -> web.Response:
        """200 while the process answers at all."""
        return json_response(Health(status="healthy", checks={}))

    async def ready(self, _: web.Request) -> web.Response:
        """200 when every check passes, else 503 with what is wrong with which."""
        health = await run_checks(self._checks)
        return json_response(health, status=200 if health.status == "healthy" else 503)
