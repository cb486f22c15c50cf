"""Probes and metrics of a process, on a port of their own, so that no proxy has to hide them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.aiohttp import make_aiohttp_handler

from freshet.search.health import Check
from freshet.search.http.edge import edge
from freshet.search.http.health import HealthRoutes

_DEADLINE_SECONDS: Final = 10.0


def create_probe_app(*, registry: CollectorRegistry, checks: Mapping[str, Check]) -> web.Application:
    """`/metrics`, `/livez`, `/readyz` and `/health`; hand it to `freshet.search.http.serving.serve`."""
    app = web.Application(middlewares=[edge(deadline_seconds=_DEADLINE_SECONDS)])
    app.add_routes([web.get("/metrics", make_aiohttp_handler(registry))])
    app.add_routes(HealthRoutes(checks).table())
    return app
