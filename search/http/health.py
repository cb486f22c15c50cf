"""Routes for those who watch over a process."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aiohttp import web

from freshet.schemas.http import CheckResult, Health
from freshet.search.health import Check, run_checks
from freshet.search.http.answers import json_response
from freshet.search.http.operations import Operation


class HealthRoutes:
    """`/livez`: the process answers. `/readyz` and `/health`: its parts work, or 503 with what is wrong with which.

    Those of whom `tells` is false hear which part it is, and not what is wrong with it.
    """

    def __init__(self, checks: Mapping[str, Check], *, tells: Callable[[web.Request], bool] = lambda _: True) -> None:
        self._checks = checks
        self._tells = tells

    def operations(self) -> list[Operation]:
        return [
            Operation(method="GET", path="/livez", handler=self.live, scope=None, answer=Health, head=True),
            Operation(
                method="GET", path="/readyz", handler=self.ready, scope=None, answer=Health, unwell=503, head=True
            ),
            Operation(
                method="GET", path="/health", handler=self.ready, scope=None, answer=Health, unwell=503, head=True
            ),
        ]

    async def live(self, _: web.Request) -> web.Response:
        """200 while the process answers at all."""
        return json_response(Health(status="healthy", checks={}))

    async def ready(self, request: web.Request) -> web.Response:
        """200 when every check passes, else 503 with what is wrong with which.

        Where there are keys, one with the scope `admin` hears what it is, and everybody else with which part only.
        """
        health = await run_checks(self._checks)
        if not self._tells(request):
            checks = {name: CheckResult(ok=each.ok) for name, each in health.checks.items()}
            health = Health(status=health.status, checks=checks)
        return json_response(health, status=200 if health.status == "healthy" else 503)
