"""Connections: how many there may be, how long the head of a request may take, and what one gets that is no HTTP."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web
from aiohttp.http_exceptions import BadStatusLine, LineTooLong

from freshet.search.http.edge import finish
from freshet.search.http.problems import Kind, Problem, explain

_RETRY_SECONDS: Final = "1"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one server puts up with: connections at once, and seconds from the first byte of a head to its last."""

    connections: int = 500
    head_seconds: float = 10.0


class LimitedRunner(web.AppRunner):
    """Runs an application on connections that have limits."""

    def __init__(self, app: web.Application, *, limits: Limits, **given: Any) -> None:
        super().__init__(app, **given)
        self._limits = limits

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Server(
            _explained(made.request_handler),
            request_factory=made.request_factory,
            limits=self._limits,
            **self._kwargs,
        )


class _Server(web.Server):
    def __init__(self, handler: Any, *, limits: Limits, **given: Any) -> None:
        super().__init__(handler, **given)
        self._limits = limits

    def __call__(self) -> web.RequestHandler:
        return _Connection(self, limits=self._limits, loop=self._loop, **self._kwargs)


class _Connection(web.RequestHandler):
    __slots__ = ("_head_timer", "_limits")

    def __init__(self, manager: web.Server, *, limits: Limits, **given: Any) -> None:
        super().__init__(manager, **given)
        self._limits = limits
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        manager = self._manager
        if manager is not None and len(manager.connections) > self._limits.connections:
            transport.write(_too_many())  # type: ignore[attr-defined]  # it is a stream's
            self.force_close()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._end_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse; a head that has begun and not ended has so many seconds for that."""
        before = self._request_count
        super().data_received(data)
        if self._request_count > before:
            self._end_timer()
        elif data and self._head_timer is None and self._is_idle():
            loop = asyncio.get_running_loop()
            self._head_timer = loop.call_later(self._limits.head_seconds, self.force_close)

    def _is_idle(self) -> bool:
        return self._request_count == 0 or (self._waiter is not None and not self._waiter.done())

    def _end_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def log_exception(self, *args: Any, **given: Any) -> None:
        """Bodies that are not packed as they say are no failure of ours, and must not fill the log."""
        log = self.log_debug if isinstance(given.get("exc_info"), web.RequestPayloadError) else super().log_exception
        log(*args, **given)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What the parser refused, and what failed outside of handlers, in the one shape of errors."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has been begun already")
        if status < 500:
            # Not the error itself, which quotes the bytes, and so what somebody asked.
            logger.debug("bytes that are no request", extra={"action": "bytes_refused", "error": type(exc).__name__})
            response = _answer(Problem(Kind.BAD_REQUEST, _told(exc)))
        else:
            response = _answer(exc if isinstance(exc, Exception) else RuntimeError(message or ""))
        response.force_close()
        return response


def _answer(error: Exception) -> web.Response:
    """What an error is answered with, under an id of its own: nothing was read that could have one."""
    request_id = secrets.token_hex(16)
    return finish(explain(error, request_id=request_id).response(request_id), request_id)


def _told(error: BaseException | None) -> str:
    match error:
        case LineTooLong():
            return "the address or a header is longer than the service reads"
        case BadStatusLine():
            return "the first line is not one of an HTTP request"
    return "the head or the framing of the request is not HTTP"


def _explained(handler: Callable[[Any], Awaitable[web.StreamResponse]]) -> Any:
    """What the framework itself raises before it asks for a handler, in the one shape too."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as error:
            return _answer(error)

    return handle


def _too_many() -> bytes:
    """The whole answer, for a connection that gets no parser."""
    told = "the service has as many connections as it takes; try again later"
    response = _answer(Problem(Kind.UNAVAILABLE, told, headers={"Retry-After": _RETRY_SECONDS}))
    body = response.body if isinstance(response.body, bytes) else b""
    response.headers.update({"Content-Length": str(len(body)), "Connection": "close"})
    head = [f"HTTP/1.1 {response.status} {response.reason}"]
    head += [f"{name}: {value}" for name, value in response.headers.items()]
    return "\r\n".join([*head, "", ""]).encode() + body
