"""Who may ask: what a request meets before its handler, by the scope of its operation."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from freshet.schemas.access import Scope
from freshet.search.http.callers import CALLER, NOBODY, Caller, Keyring
from freshet.search.http.operations import scope_of
from freshet.search.http.problems import Kind, Problem
from freshet.search.limits.base import Limit, Limiter, Taken
from freshet.search.metrics import Refusal, SearchMetrics


class _Counted(NamedTuple):
    limit: Limit
    taken: Taken


_COUNTED: Final = web.RequestKey("counted", _Counted)


def access(keyring: Keyring, limiter: Limiter, metrics: SearchMetrics) -> Middleware:
    """The middleware that lets a request through to its handler, or raises Problem: 401, 403 or 429."""
    door = _Door(limiter, metrics)

    @web.middleware
    async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.match_info.http_exception is None:
            caller = request[CALLER] = keyring.caller(request.headers)
            scope = scope_of(request)
            if scope is not None:
                await door.admit(request, caller, scope)
        return await handler(request)

    return admit


def caller_of(request: web.Request) -> Caller:
    """Who asks."""
    return request[CALLER]


async def tell_limit(request: web.Request, response: web.StreamResponse) -> None:
    """What the key may still ask: https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/"""
    counted = request.get(_COUNTED)
    if counted is not None:
        response.headers["RateLimit-Policy"] = f'"key";q={counted.limit.burst};w={counted.limit.window}'
        response.headers["RateLimit"] = f'"key";r={counted.taken.remaining};t={math.ceil(counted.taken.full)}'


class _Door:
    """Lets callers through, counts those that it turns away."""

    def __init__(self, limiter: Limiter, metrics: SearchMetrics) -> None:
        self._limiter = limiter
        self._metrics = metrics

    async def admit(self, request: web.Request, caller: Caller, scope: Scope) -> None:
        """Raise Problem unless this caller may ask, now, for what takes this scope."""
        if caller is NOBODY:
            self._metrics.turned_away(Refusal.NO_KEY)
            detail = "show a key that this service knows: `Authorization: Bearer …`, or `X-API-Key`"
            raise Problem(Kind.NO_KEY, detail, headers={"WWW-Authenticate": "Bearer"})
        if caller.limit is not None:
            await self._count(request, caller.name, caller.limit)
        if not caller.may(scope):
            self._metrics.turned_away(Refusal.MISSING_SCOPE)
            raise Problem(Kind.MISSING_SCOPE, f"this key lacks the scope `{scope}`, which this takes")

    async def _count(self, request: web.Request, name: str, limit: Limit) -> None:
        taken = await self._limiter.take(name, limit)
        request[_COUNTED] = _Counted(limit, taken)
        if not taken.allowed:
            self._metrics.turned_away(Refusal.TOO_MANY)
            headers = {"Retry-After": str(math.ceil(taken.wait))}
            raise Problem(Kind.TOO_MANY_REQUESTS, "this key asks more often than it may", headers=headers)
