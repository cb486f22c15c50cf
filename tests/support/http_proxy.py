"""What stands before an HTTP server and answers for it, badly: refusals, lies, halves, and writes that come late."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

import aiohttp
from aiohttp import web

from freshet.local.processes import LOOPBACK, free_ports
from tests.support.holding import Hold

WRITES: Final = ("PUT", "DELETE", "PATCH")
ACKNOWLEDGED: Final = {"result": {"operation_id": 1, "status": "acknowledged"}, "status": "ok", "time": 0.001}
_PAUSE: Final = 0.05  # seconds, before a server that was away is asked again
_DROPPED: Final = {"host", "content-length", "transfer-encoding", "connection", "content-encoding"}


@dataclass(frozen=True, slots=True)
class Mishap:
    """What happens to a request.

    It waits `delay` seconds; it is passed on, or not, or only `late` seconds after it was answered; and the caller gets
    the server's answer, an error of that `status`, the word that the write is `acknowledged`, half an answer (`cut`) or
    none (`reset`).
    """

    delay: float = 0.0
    passed_on: bool = True
    late: float | None = None
    status: int | None = None
    acknowledged: bool = False
    cut: bool = False
    reset: bool = False


FINE: Final = Mishap()
Weather = Callable[[web.BaseRequest, bytes], Mishap]


class HttpProxy:
    """`async with HttpProxy(url) as proxy:` passes on what it gets at `proxy.url`, with what `weather` says of each.

    Where the server is away, connections are reset. It may have several `doors`, whose addresses are `proxy.urls`; the
    first is `proxy.url`. What a `hold` keeps is passed on when that lets go, whether anybody still waits for it or not.
    """

    def __init__(self, upstream: str, *, doors: int = 1) -> None:
        self._ports = free_ports(doors)
        self.urls = [f"http://{LOOPBACK}:{port}" for port in self._ports]
        self.hold: Hold | None = None
        self.troubled = 0
        self.calm()
        self.upstream = upstream
        self._late: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return self.urls[0]

    def calm(self) -> None:
        """The weather is fine from now on."""
        self.weather: Weather = lambda _request, _body: FINE

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(auto_decompress=False, timeout=aiohttp.ClientTimeout(total=60))
        self._runner = web.ServerRunner(web.Server(self._answer, access_log=None), shutdown_timeout=0)
        await self._runner.setup()
        for port in self._ports:
            await web.TCPSite(self._runner, LOOPBACK, port).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in list(self._late):
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)
        await self._runner.cleanup()
        await self._session.close()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await self._answer_with_mishaps(request)
        except ConnectionError:  # the caller did not wait
            return _reset(request)

    async def _answer_with_mishaps(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        if self.hold is not None and self.hold.keeps(self._door(request), request, body):
            return await self._answer_when_let_go(request, body, self.hold)
        mishap = self.weather(request, body)
        self.troubled += mishap != FINE
        await asyncio.sleep(mishap.delay)
        status, answer = 503, b""
        headers: dict[str, str] = {}
        if mishap.late is not None:
            self._send_later(request, body, mishap.late)
        elif mishap.passed_on:
            try:
                status, headers, answer = await self._ask(request, body)
            except (aiohttp.ClientError, TimeoutError):
                return _reset(request)
        return await _told(request, mishap, status, headers, answer)

    def _door(self, request: web.BaseRequest) -> int | None:
        address = request.transport and request.transport.get_extra_info("sockname")
        return self._ports.index(address[1]) if address else None

    async def _answer_when_let_go(self, request: web.BaseRequest, body: bytes, hold: Hold) -> web.StreamResponse:
        await hold.gone.wait()
        while True:
            try:
                status, headers, answer = await self._ask(request, body)
            except (aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(_PAUSE)
            else:
                hold.arrived += 1
                return await _told(request, FINE, status, headers, answer)

    async def _ask(self, request: web.BaseRequest, body: bytes) -> tuple[int, dict[str, str], bytes]:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _DROPPED}
        url = f"{self.upstream}{request.rel_url}"
        async with self._session.request(request.method, url, data=body, headers=headers) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in _DROPPED}
            return answer.status, kept, await answer.read()

    def _send_later(self, request: web.BaseRequest, body: bytes, seconds: float) -> None:
        async def send() -> None:
            await asyncio.sleep(seconds)
            try:
                await self._ask(request, body)
            except (aiohttp.ClientError, TimeoutError):
                return  # the server is away: a write that never arrives

        task = asyncio.create_task(send())
        self._late.add(task)
        task.add_done_callback(self._late.discard)


async def _told(
    request: web.BaseRequest, mishap: Mishap, status: int, headers: dict[str, str], answer: bytes
) -> web.StreamResponse:
    if mishap.reset:
        return _reset(request)
    if mishap.cut:
        response = web.StreamResponse(status=status, headers={**headers, "Content-Length": str(len(answer))})
        await response.prepare(request)
        await response.write(answer[: len(answer) // 2])
        return _reset(request)
    if mishap.status is not None:
        told = json.dumps({"status": {"error": "the proxy's bad weather"}, "time": 0.0}).encode()
        return web.Response(status=mishap.status, body=told, headers={"Content-Type": "application/json"})
    if mishap.acknowledged:
        return web.json_response(ACKNOWLEDGED)
    return web.Response(status=status, body=answer, headers=headers)


def _reset(request: web.BaseRequest) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
