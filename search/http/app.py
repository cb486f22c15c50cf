"""The HTTP service, put together."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from aiohttp import web

from freshet.schemas.access import Scope
from freshet.search.documents.explaining import Explainer
from freshet.search.freshness import Freshness
from freshet.search.health import Check
from freshet.search.http.access import access, caller_of, tell_limit
from freshet.search.http.callers import Keyring
from freshet.search.http.cors import Cors
from freshet.search.http.docs import DocsRoutes
from freshet.search.http.documents import DocumentRoutes
from freshet.search.http.edge import edge
from freshet.search.http.feedback import FeedbackRoutes
from freshet.search.http.guards import Guard
from freshet.search.http.health import HealthRoutes
from freshet.search.http.index_facts import IndexRoutes
from freshet.search.http.operations import add_operations
from freshet.search.http.options import HttpOptions
from freshet.search.http.pages import SEARCH_PAGE, AssetRoutes, SearchPageRoutes
from freshet.search.http.publishing import PublishRoutes
from freshet.search.http.searching import SearchRoutes
from freshet.search.limits.base import Limiter
from freshet.search.metrics import SearchMetrics
from freshet.search.ports import DocumentPublisher, FeedbackLog
from freshet.search.service import SearchService
from freshet.search.watching import IndexWatch


def create_app(
    *,
    service: SearchService,
    freshness: Freshness,
    watch: IndexWatch,
    publisher: DocumentPublisher | None,
    explainer: Explainer,
    feedback: FeedbackLog | None,
    checks: Mapping[str, Check],
    metrics: SearchMetrics,
    options: HttpOptions,
    limiter: Limiter,
) -> web.Application:
    """The application; without a publisher or a log of feedback, the routes that need one answer 503."""
    guard = Guard(options.allowed_hosts, origins=options.cors_origins, keys=bool(options.keys))
    meet = edge(
        deadline_seconds=options.deadline_seconds,
        guard=guard,
        log_requests=options.log_requests,
        log_queries=options.log_queries,
    )
    cors = Cors(options.cors_origins)
    admit = access(Keyring(options.keys, limit=options.limit), limiter, metrics)
    app = web.Application(middlewares=[meet, cors.middleware(), admit], client_max_size=options.max_body_bytes)
    app.on_response_prepare.extend([cors.tell, tell_limit])
    index = IndexRoutes(watch=watch, options=options, publishing=publisher is not None, offer=service.offer)
    app.on_shutdown.append(index.end_waits)
    app.on_shutdown.append(partial(_end_waits, freshness))
    operations = [
        *SearchPageRoutes().operations(),
        *AssetRoutes(SEARCH_PAGE).operations(),
        *SearchRoutes(service=service, freshness=freshness, metrics=metrics).operations(),
        *index.operations(),
        *DocumentRoutes(explainer=explainer, freshness=freshness, options=options).operations(),
        *PublishRoutes(publisher=publisher, options=options).operations(),
        *FeedbackRoutes(log=feedback, metrics=metrics, tenants=options.rules.tenants).operations(),
        *HealthRoutes(checks, tells=lambda request: caller_of(request).may(Scope.ADMIN)).operations(),
    ]
    add_operations(app, [*operations, *DocsRoutes(operations).operations()])
    return app


async def _end_waits(freshness: Freshness, _: web.Application) -> None:
    """Answer those who wait, so that they don't hold up the end of the service."""
    freshness.end()
