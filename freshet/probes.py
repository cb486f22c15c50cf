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
from freshet.search.http.pages import STATUS_PAGE, AssetRoutes, html_response
from freshet.status.board import Board
from freshet.status.page import status_page

_DEADLINE_SECONDS: Final = 10.0


def create_probe_app(*, registry: CollectorRegistry, board: Board) -> web.Application:
    """`/metrics`, `/status`, `/livez`, `/readyz` and `/health`; hand it to `freshet.search.http.serving.serve`."""
    app = web.Application(middlewares=[edge(deadline_seconds=_DEADLINE_SECONDS)])
    app.add_routes([web.get("/metrics", make_aiohttp_handler(registry))])
    app.add_routes(StatusRoutes(board).table())
    app.add_routes(AssetRoutes(STATUS_PAGE).table())
    app.add_routes(HealthRoutes(board.checks).table())
    return app


class StatusRoutes:
    """`GET /status`."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def table(self) -> list[web.RouteDef]:
        return [web.get("/status", self.get)]

    async def get(self, request: web.Request) -> web.Response:
        """The process at a glance: a page for people, or what it is made of with `Accept: application/json`."""
        status = await self._board.status()
        if "application/json" in request.headers.get("Accept", ""):
            return json_response(status)
        return _page(status)


def _page(status: Status) -> web.Response:
    return html_response(status_page(status))
