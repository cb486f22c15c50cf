"""Pages of other origins that may ask here, as browsers want to be told."""

from __future__ import annotations

from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

_ASKED: Final = "Access-Control-Request-Method"
_MAY_SEND: Final = "Authorization, Content-Type, Freshet-Fresh-After, X-API-Key, X-Request-ID"
_MAY_READ: Final = "Freshet-Watermark, RateLimit, RateLimit-Policy, Retry-After, X-Request-ID"
_SECONDS: Final = "600"  # for which a browser need not ask again


class Cors:
    """Answers for pages of exactly these origins. Cookies are never asked for: what scripts send are keys."""

    def __init__(self, origins: frozenset[str]) -> None:
        self._origins = origins

    def middleware(self) -> Middleware:
        """Answers what a browser asks before it sends a request of such a page."""

        @web.middleware
        async def meet(request: web.Request, handler: Handler) -> web.StreamResponse:
            refused = request.match_info.http_exception
            asks = request.method == "OPTIONS" and _ASKED in request.headers and self._serves(request)
            if asks and isinstance(refused, web.HTTPMethodNotAllowed):
                return _may(", ".join(sorted(refused.allowed_methods)))
            return await handler(request)

        return meet

    async def tell(self, request: web.Request, response: web.StreamResponse) -> None:
        """The headers of every answer."""
        if self._origins:
            response.headers.add("Vary", "Origin")
        if self._serves(request):
            response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
            response.headers["Access-Control-Expose-Headers"] = _MAY_READ

    def _serves(self, request: web.Request) -> bool:
        return request.headers.get("Origin") in self._origins


def _may(methods: str) -> web.Response:
    headers = {
        "Access-Control-Allow-Methods": methods,
        "Access-Control-Allow-Headers": _MAY_SEND,
        "Access-Control-Max-Age": _SECONDS,
    }
    return web.Response(status=204, headers=headers)
