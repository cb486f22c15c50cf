"""HTTP: the key, the limit of bodies, the envelope of answers, errors as the server words them."""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pydantic_core
from aiohttp import web

from freshet.local.qdrant import errors
from freshet.local.qdrant.routes import ROUTES, Call, Route
from freshet.local.qdrant.store import ENGINE_VERSION, Store

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

API_VERSION = "1.20.0"
"""The version of the REST API that is spoken; the official client compares it with its own."""

_OPEN_PATHS = frozenset({"/", "/healthz", "/livez", "/readyz"})
_CHUNK = 1 << 16
_NO_KEY = "Must provide an API key or an Authorization bearer token"
_WRONG_KEY = "Invalid API key or JWT"


def make_app(store: Store, *, api_key: str, asked: Callable[[], None]) -> web.Application:
    """`asked` is called with each request for something in the store."""
    app = web.Application(middlewares=[_guard(api_key)], client_max_size=errors.BODY_LIMIT + 1)
    app.router.add_get("/", _about)
    for path in sorted(_OPEN_PATHS - {"/"}):
        app.router.add_get(path, _healthy)
    # Paths with fewer names in them first: `/collections/aliases` is not a collection called "aliases".
    for method, path, route in sorted(ROUTES, key=lambda entry: entry[1].count("{")):
        app.router.add_route(method, path, _endpoint(store, route, asked))
    return app


def _guard(api_key: str) -> Any:
    expected = api_key.encode()

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path not in _OPEN_PATHS:
            given = _given_key(request)
            if given is None:
                return web.Response(status=401, text=_NO_KEY)
            if not hmac.compare_digest(given.encode(errors="surrogateescape"), expected):
                return web.Response(status=401, text=_WRONG_KEY)
        return await handler(request)

    return guard


def _given_key(request: web.Request) -> str | None:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return request.headers.get("api-key") or (token if kind == "Bearer" else None)


def _endpoint(store: Store, route: Route, asked: Callable[[], None]) -> Handler:
    async def endpoint(request: web.Request) -> web.Response:
        start = time.perf_counter()
        asked()
        try:
            call = Call(store, dict(request.match_info), await _body(request), request.query.get("wait") == "true")
            result = route(call)
        except errors.ApiError as error:
            return _answer({"status": {"error": error.text}, "time": time.perf_counter() - start}, error.status)
        except Exception as error:
            log.exception("%s %s failed", request.method, request.path)
            answer = {"status": {"error": f"Service internal error: {error}"}, "time": time.perf_counter() - start}
            return _answer(answer, 500)
        return _answer({"result": result, "status": "ok", "time": time.perf_counter() - start})

    return endpoint


async def _body(request: web.Request) -> bytes:
    """A body over the limit is read to its end before it is refused: a client that still sends would see no answer."""
    if request.content_length is not None and request.content_length <= errors.BODY_LIMIT:
        return await request.read()
    size, chunks = 0, []
    async for chunk in request.content.iter_chunked(_CHUNK):
        size += len(chunk)
        if size <= errors.BODY_LIMIT:
            chunks.append(chunk)
    if size > errors.BODY_LIMIT:
        raise errors.too_large(size)
    return b"".join(chunks)


def _answer(value: dict[str, Any], status: int = 200) -> web.Response:
    return web.Response(body=pydantic_core.to_json(value), status=status, content_type="application/json")


async def _about(_: web.Request) -> web.Response:
    return _answer({"title": f"Freshet local engine, qdrant-edge {ENGINE_VERSION}", "version": API_VERSION})


async def _healthy(_: web.Request) -> web.Response:
    return web.Response(text="healthz check passed")
