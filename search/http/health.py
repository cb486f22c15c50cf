"""Routes for those who watch over a process."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from freshet.schemas.http import Health
from freshet.search.health import Check, run_checks
from freshet.search.http.answers import json_response
from freshet.search.http.operations import Operation


class HealthRoutes:
    """`/livez`: the process answers. `/readyz` and `/health`: its parts work, or 503 with what is wrong with which."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = checks

    def operations(self) -> list[Operation]:
        return [
            Operation(method="GET", path="/livez", handler=self.live, answer=Health, head=True),
            Operation(method="GET", path="/readyz", handler=self.ready, answer=Health, unwell=503, head=True),
            Operation(method="GET", path="/health", handler=self.ready, answer=Health, unwell=503, head=True),
        ]

    async def live(self, _: web.Request) -> web.Response:
        """200 while the process answers at all."""
        return json_response(Health(status="healthy", checks={}))

    async def ready(self, _: web.Request) -> web.Response:
        """200 when every check passes, else 503 with what is wrong with which."""
        health = await run_checks(self._checks)
        return json_response(health, status=200 if health.status == "healthy" else 503)
