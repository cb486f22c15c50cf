"""What every request meets first (its id, the guard, the deadline) and every answer last (headers, one error shape)."""

from __future__ import annotations

import asyncio
import logging
import math
import re
import secrets
import time
from typing import Final, TypeVar

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from freshet.search.http.guards import Guard
from freshet.search.http.logs import REQUEST_ID
from freshet.search.http.problems import explain
from freshet.search.query import normalise

REQUEST_ID_HEADER: Final = "X-Request-ID"
_DEADLINE: Final = web.RequestKey("deadline", asyncio.Timeout)
_QUERY: Final = web.RequestKey("query", str)
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")
# What an answer does not say otherwise. Pages have a policy of their own; nothing else is one, nor to be framed.
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",  # the address holds the query
    "Server": "freshet",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

logger = logging.getLogger(__name__)
R = TypeVar("R", bound=web.StreamResponse)


def edge(
    *, deadline_seconds: float, guard: Guard | None = None, log_requests: bool = False, log_queries: bool = False
) -> Middleware:
    """The one middleware. Without a guard any name will do (probe ports, asked by address from anywhere).

    `log_requests` gives each request a line, `log_queries` each search one with its query, which otherwise no line has.
    """

    async def answer(request: web.Request, handler: Handler, request_id: str) -> web.StreamResponse:
        deadline = request[_DEADLINE] = asyncio.timeout(deadline_seconds)
        try:
            if guard is not None:
                guard.check(request.headers)
            async with deadline:
                return await handler(request)
        except Exception as error:  # noqa: BLE001 (whatever it is, it is answered in the one shape, and logged)
            late, unread = deadline.expired(), not request.content.is_eof()
            unspoken = "" if log_queries else request.get(_QUERY, "")
            problem = explain(error, request_id=request_id, late=late, unread=unread, unspoken=unspoken)
            return problem.response(request_id)

    @web.middleware
    async def meet(request: web.Request, handler: Handler) -> web.StreamResponse:
        request_id, start, status = _request_id(request.headers.get(REQUEST_ID_HEADER, "")), time.perf_counter(), 0
        bound = REQUEST_ID.set(request_id)
        try:
            response = await answer(request, handler, request_id)
            status = response.status
        finally:
            if log_requests or (log_queries and _QUERY in request):
                _log(request, status, time.perf_counter() - start, with_query=log_queries)
            REQUEST_ID.reset(bound)
        return finish(response, request_id)

    return meet


def finish(response: R, request_id: str) -> R:
    """Give an answer the headers that every one has."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers[REQUEST_ID_HEADER] = request_id
    return response


def is_late(request: web.Request) -> bool:
    """Whether the deadline of a request has passed: what is cancelled otherwise, was given up by who asked."""
    return request[_DEADLINE].expired()


def seconds_left(request: web.Request) -> float:
    """How long it is until the deadline of a request."""
    when = request[_DEADLINE].when()
    return math.inf if when is None else when - asyncio.get_running_loop().time()


def keep_query(request: web.Request, query: str) -> None:
    """Say what a request asks for, so that the log holds it where it should, and nowhere else."""
    request[_QUERY] = query


def _log(request: web.Request, status: int, seconds: float, *, with_query: bool) -> None:
    """One line; the route instead of the path, which may hold a query or a document's id."""
    resource = request.match_info.route.resource
    fields = {
        "action": "request",
        "method": request.method,
        "route": resource.canonical if resource else "none",
        "status": status or "cancelled",
        "ms": round(seconds * 1000, 3),
    }
    if with_query and _QUERY in request:
        fields["query"] = normalise(request[_QUERY])
    logger.info("request", extra=fields)


def _request_id(given: str) -> str:
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)
