"""Who may ask for what: the scope of each route, and what a request meets before its handler."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from freshet.schemas.access import Scope
from freshet.search.http.callers import CALLER, NOBODY, Caller, Keyring
from freshet.search.http.problems import Kind, Problem
from freshet.search.limits.base import Limit, Limiter, Taken

# What a key must be good for, by method and path; None is for everybody. A route that is not here cannot be served.
SCOPES: Final[Mapping[str, Scope | None]] = {
    "GET /": None,
    "GET /assets/{name}": None,
    "GET /livez": None,
    "GET /readyz": None,
    "GET /health": None,
    "GET /search": Scope.SEARCH,
    "POST /search": Scope.SEARCH,
    "GET /index": Scope.SEARCH,
    "PUT /documents/{id}": Scope.PUBLISH,
    "DELETE /documents/{id}": Scope.PUBLISH,
    "POST /documents": Scope.PUBLISH,
}


class _Counted(NamedTuple):
    limit: Limit
    taken: Taken


_COUNTED: Final = web.RequestKey("counted", _Counted)


def access(keyring: Keyring, limiter: Limiter) -> Middleware:
    """The middleware that lets a request through to its handler, or raises Problem: 401, 403 or 429."""

    @web.middleware
    async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.match_info.http_exception is None:
            caller = request[CALLER] = keyring.caller(request.headers)
            scope = SCOPES[name_of(request.match_info.route)]
            if scope is not None:
                await _admit(request, caller, scope, limiter)
        return await handler(request)

    return admit


def caller_of(request: web.Request) -> Caller:
    """Who asks."""
    return request[CALLER]


def name_of(route: web.AbstractRoute) -> str:
    """A route as it stands in SCOPES, such as `GET /search`."""
    method = "GET" if route.method == "HEAD" else route.method
    return f"{method} {route.resource.canonical if route.resource else ''}"


def check_scopes(app: web.Application) -> None:
    """Raise LookupError for routes whose scope nobody has decided."""
    missing = {name_of(route) for route in app.router.routes()} - SCOPES.keys()
    if missing:
        raise LookupError(f"say in {__name__}.SCOPES who may ask for {', '.join(sorted(missing))}")


async def tell_limit(request: web.Request, response: web.StreamResponse) -> None:
    """What the key may still ask: https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/"""
    counted = request.get(_COUNTED)
    if counted is not None:
        response.headers["RateLimit-Policy"] = f'"key";q={counted.limit.burst};w={counted.limit.window}'
        response.headers["RateLimit"] = f'"key";r={counted.taken.remaining};t={math.ceil(counted.taken.full)}'


async def _admit(request: web.Request, caller: Caller, scope: Scope, limiter: Limiter) -> None:
    if caller is NOBODY:
        detail = "show a key that this service knows: `Authorization: Bearer …`, or `X-API-Key`"
        raise Problem(Kind.NO_KEY, detail, headers={"WWW-Authenticate": "Bearer"})
    if caller.limit is not None:
        taken = await limiter.take(caller.name, caller.limit)
        request[_COUNTED] = _Counted(caller.limit, taken)
        if not taken.allowed:
            headers = {"Retry-After": str(math.ceil(taken.wait))}
            raise Problem(Kind.TOO_MANY_REQUESTS, "this key asks more often than it may", headers=headers)
    if not caller.may(scope):
        raise Problem(Kind.MISSING_SCOPE, f"this key has not the scope `{scope}`, which this takes")
