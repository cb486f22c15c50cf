"""Probes, metrics and status of a process, on a port of their own, so that no proxy has to hide them."""

from __future__ import annotations

from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.aiohttp import make_aiohttp_handler

from freshet.schemas.status import Status
from freshet.search.http.answers import json_response
from freshet.search.http.edge import edge
from freshet.search.http.health import HealthRoutes
from freshet.search.http.operations import Operation, add_operations
from freshet.search.http.pages import STATUS_PAGE, AssetRoutes, html_response
from freshet.status.board import Board
from freshet.status.page import status_page

_DEADLINE_SECONDS: Final = 10.0


def create_probe_app(*, registry: CollectorRegistry, board: Board) -> web.Application:
    """`/metrics`, `/status`, `/livez`, `/readyz` and `/health`; hand it to `freshet.search.http.serving.serve`."""
    app = web.Application(middlewares=[edge(deadline_seconds=_DEADLINE_SECONDS)])
    operations = [
        *MetricsRoutes(registry).operations(),
        *StatusRoutes(board).operations(),
        *AssetRoutes(STATUS_PAGE).operations(),
        *HealthRoutes(board.checks, lives=board.lives).operations(),
    ]
    add_operations(app, operations)
    return app


class MetricsRoutes:
    """`GET /metrics`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._expose = make_aiohttp_handler(registry)

    def operations(self) -> list[Operation]:
        return [Operation(method="GET", path="/metrics", handler=self.get, scope=None, head=True)]

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Every metric of the process, in Prometheus's text format."""
        return await self._expose(request)


class StatusRoutes:
    """`GET /status`."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def operations(self) -> list[Operation]:
        return [Operation(method="GET", path="/status", handler=self.get, scope=None, answer=Status, head=True)]

    async def get(self, request: web.Request) -> web.Response:
        """The process at a glance: a page for people, or what it is made of with `Accept: application/json`."""
        status = await self._board.status()
        if "application/json" in request.headers.get("Accept", ""):
            return json_response(status)
        return _page(status)


def _page(status: Status) -> web.Response:
    return html_response(status_page(status))
