"""The HTTP service, put together."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from freshet.search.health import Check
from freshet.search.http.docs import DocsRoutes
from freshet.search.http.edge import edge
from freshet.search.http.guards import Guard
from freshet.search.http.health import HealthRoutes
from freshet.search.http.index_facts import IndexRoutes
from freshet.search.http.operations import add_operations
from freshet.search.http.options import HttpOptions
from freshet.search.http.pages import SEARCH_PAGE, AssetRoutes, SearchPageRoutes
from freshet.search.http.publishing import PublishRoutes
from freshet.search.http.searching import SearchRoutes
from freshet.search.metrics import SearchMetrics
from freshet.search.ports import DocumentPublisher
from freshet.search.service import SearchService
from freshet.search.watching import IndexWatch


def create_app(
    *,
    service: SearchService,
    watch: IndexWatch,
    publisher: DocumentPublisher | None,
    checks: Mapping[str, Check],
    metrics: SearchMetrics,
    options: HttpOptions,
) -> web.Application:
    """The application; without a publisher it only searches, and the routes that publish answer 503."""
    meet = edge(deadline_seconds=options.deadline_seconds, guard=Guard(options.allowed_hosts))
    app = web.Application(middlewares=[meet], client_max_size=options.max_body_bytes)
    index = IndexRoutes(watch=watch, options=options, publishing=publisher is not None)
    app.on_shutdown.append(index.end_waits)
    operations = [
        *SearchPageRoutes().operations(),
        *AssetRoutes(SEARCH_PAGE).operations(),
        *SearchRoutes(service=service, metrics=metrics).operations(),
        *index.operations(),
        *PublishRoutes(publisher=publisher, options=options).operations(),
        *HealthRoutes(checks).operations(),
    ]
    add_operations(app, [*operations, *DocsRoutes(operations).operations()])
    return app
