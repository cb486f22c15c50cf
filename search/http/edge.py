"""What every request meets first (its id, the guard, the deadline) and every answer last (headers, one error shape)."""

from __future__ import annotations

import asyncio
import re
import uuid
from typing import Final, TypeVar

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from freshet.search.http.guards import Guard
from freshet.search.http.problems import explain

REQUEST_ID: Final = "X-Request-ID"
_DEADLINE: Final = web.RequestKey("deadline", asyncio.Timeout)
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")
R = TypeVar("R", bound=web.StreamResponse)
_HEADERS: Final = {"Cache-Control": "no-store", "Server": "freshet", "X-Content-Type-Options": "nosniff"}


def edge(*, deadline_seconds: float, guard: Guard | None = None) -> Middleware:
    """The one middleware. Without a guard any name will do (probe ports, asked by address from anywhere)."""

    @web.middleware
    async def meet(request: web.Request, handler: Handler) -> web.StreamResponse:
        request_id = _request_id(request.headers.get(REQUEST_ID, ""))
        deadline = request[_DEADLINE] = asyncio.timeout(deadline_seconds)
        try:
            if guard is not None:
                guard.check(request.headers)
            async with deadline:
                response = await handler(request)
        except Exception as error:  # noqa: BLE001 (whatever it is, it is answered in the one shape, and logged)
            late, unread = deadline.expired(), not request.content.is_eof()
            response = explain(error, request_id=request_id, late=late, unread=unread).response(request_id)
        return finish(response, request_id)

    return meet


def finish(response: R, request_id: str) -> R:
    """Give an answer the headers that every one has."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers[REQUEST_ID] = request_id
    return response


def is_late(request: web.Request) -> bool:
    """Whether the deadline of a request has passed: what is cancelled otherwise, was given up by who asked."""
    return request[_DEADLINE].expired()


def _request_id(given: str) -> str:
    return given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
