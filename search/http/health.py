"""Routes for those who watch over a process."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aiohttp import web

from freshet.schemas.http import CheckResult, Health
from freshet.search.health import Check, run_checks
from freshet.search.http.answers import json_response
from freshet.search.http.operations import Operation


class HealthRoutes:
    """`/livez`: the process answers, and passes `lives`. `/readyz` and `/health`: its parts work. Else 503.

    Those of whom `tells` is false hear which part it is, and not what is wrong with it.
    """

    def __init__(
        self,
        checks: Mapping[str, Check],
        *,
        lives: Mapping[str, Check] | None = None,
        tells: Callable[[web.Request], bool] = lambda _: True,
    ) -> None:
        self._checks = checks
        self._lives = lives
        self._tells = tells

    def operations(self) -> list[Operation]:
        return [
            Operation(
                method="GET",
                path="/livez",
                handler=self.live,
                scope=None,
                answer=Health,
                unwell=None if self._lives is None else 503,
                head=True,
            ),
            Operation(
                method="GET", path="/readyz", handler=self.ready, scope=None, answer=Health, unwell=503, head=True
            ),
            Operation(
                method="GET", path="/health", handler=self.ready, scope=None, answer=Health, unwell=503, head=True
            ),
        ]

    async def live(self, request: web.Request) -> web.Response:
        """200 while the process answers at all; 503 of a worker that stands still."""
        return await self._answer(request, self._lives or {})

    async def ready(self, request: web.Request) -> web.Response:
        """200 when every check passes, else 503 with what is wrong with which.

        Where there are keys, one with the scope `admin` hears what it is, and everybody else with which part only.
        """
        return await self._answer(request, self._checks)

    async def _answer(self, request: web.Request, checks: Mapping[str, Check]) -> web.Response:
        health = await run_checks(checks)
        if not self._tells(request):
            told = {name: CheckResult(ok=each.ok) for name, each in health.checks.items()}
            health = Health(status=health.status, checks=told)
        return json_response(health, status=200 if health.status == "healthy" else 503)
