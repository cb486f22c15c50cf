"""Answers that a healthy server cannot be made to give, from a server that gives whatever it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from freshet.schemas.errors import OverloadedError, PermanentError, TransientError
from freshet.schemas.positions import Rank
from freshet.search.index.qdrant.client import connect
from freshet.search.index.qdrant.writer import QdrantWriter
from tests.contract.index.making import LONG_AGO, displaced, passage, record


@dataclass
class Told:
    """What the server answers next."""

    url: str = ""
    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[web.Request] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        if isinstance(self.body, str):
            return web.Response(status=self.status, text=self.body, headers=self.headers)
        return web.json_response(self.body, status=self.status, headers=self.headers)

    def refuse(self, status: int, message: str, **headers: str) -> None:
        self.status, self.body = status, {"status": {"error": message}, "time": 0.0}
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def accept(self, status: str) -> None:
        self.status, self.body = 200, {"result": {"operation_id": 1, "status": status}, "status": "ok", "time": 0.0}


@pytest.fixture
async def server() -> AsyncIterator[Told]:
    told = Told()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", told.answer)
    async with TestServer(app) as running:
        told.url = str(running.make_url("/"))
        yield told


@pytest.fixture
async def writer(server: Told) -> AsyncIterator[QdrantWriter]:
    client = connect(server.url, api_key="the key")
    yield QdrantWriter(client, collection="docs", dimension=4)
    await client.close()


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
async def test_a_server_in_trouble_is_transient(server: Told, writer: QdrantWriter, status: int):
    server.refuse(status, "Service internal error: no space left")
    with pytest.raises(TransientError, match=r"read the ledger: .*no space left"):
        await writer.ledger(["a"])


async def test_an_overloaded_server_says_how_long_to_wait(server: Told, writer: QdrantWriter):
    server.refuse(429, "rate limiting exceeded", Retry_After="17")
    with pytest.raises(OverloadedError, match="rate limiting exceeded") as caught:
        await writer.ledger(["a"])
    assert caught.value.retry_after == 17


@pytest.mark.parametrize("headers", [{}, {"Retry_After": "Sat, 21 Nov 2026 12:00:00 GMT"}], ids=["no time", "a date"])
async def test_an_overloaded_server_that_gives_no_seconds_is_left_alone_for_one(
    server: Told, writer: QdrantWriter, headers: dict[str, str]
):
    server.refuse(429, "rate limiting exceeded", **headers)
    with pytest.raises(OverloadedError) as caught:
        await writer.ledger(["a"])
    assert caught.value.retry_after == 1


async def test_a_key_that_may_only_read_is_told_apart(server: Told, writer: QdrantWriter):
    server.refuse(403, "Forbidden: Global manage access is required")
    with pytest.raises(PermanentError, match=r"Forbidden.*a read-only key cannot write"):
        await writer.commit([record()], partition=0, read=[])


@pytest.mark.parametrize("status", [400, 409, 413, 422])
async def test_a_refused_request_is_permanent(server: Told, writer: QdrantWriter, status: int):
    server.refuse(status, "Wrong input: something")
    with pytest.raises(PermanentError, match=f"add passages: {status} Wrong input: something"):
        await writer.add([passage()], at_most=LONG_AGO)


@pytest.mark.parametrize("body", ["<html>a login page</html>", {"result": "nonsense"}], ids=["html", "json"])
async def test_an_answer_that_is_not_qdrants_is_transient(server: Told, writer: QdrantWriter, body: Any):
    server.body = body
    with pytest.raises(TransientError, match="not one of Qdrant's"):
        await writer.ledger(["a"])


@pytest.mark.parametrize("status", ["acknowledged", "wait_timeout"])
async def test_a_write_that_is_not_completed_is_transient(server: Told, writer: QdrantWriter, status: str):
    server.accept(status)
    with pytest.raises(TransientError, match=status):
        await writer.add([passage()], at_most=LONG_AGO)
    with pytest.raises(TransientError, match=status):
        await writer.commit([record()], partition=0, read=[])
    with pytest.raises(TransientError, match=status):
        await writer.remove([displaced(passage(), at_most=LONG_AGO)])


async def test_every_write_waits_until_it_is_applied(server: Told, writer: QdrantWriter):
    server.accept("completed")
    await writer.add([passage()], at_most=Rank(1, 2))
    await writer.commit([record()], partition=0, read=[])
    await writer.remove([displaced(passage(), at_most=LONG_AGO)])
    assert [request.query.get("wait") for request in server.requests] == ["true"] * 3


async def test_the_key_travels_in_its_header_only(server: Told, writer: QdrantWriter, caplog: pytest.LogCaptureFixture):
    server.accept("completed")
    with caplog.at_level("DEBUG"):
        await writer.commit([record()], partition=0, read=[])
    [request] = server.requests
    assert request.headers["api-key"] == "the key"
    assert "the key" not in str(request.url) + caplog.text


async def test_a_server_that_never_answers_is_transient_when_the_time_is_up():
    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(hold, "127.0.0.1", 0)
    client = connect(f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}", timeout=0.2)
    with pytest.raises(TransientError, match="Timeout"):
        await QdrantWriter(client, collection="docs", dimension=4).ledger(["a"])
    await client.close()
    silent.close()
    await silent.wait_closed()
