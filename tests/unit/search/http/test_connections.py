"""Connections have limits, and bytes that are no request get an answer in the one shape of errors."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from freshet.search.http.connections import Limits
from tests.support.hostile import Reply, send
from tests.support.hostile_inputs import Hostile
from tests.support.waiting import wait_until
from tests.unit.search.http.world import World

GOOD = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@asynccontextmanager
async def connected(port: int):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes = GOOD) -> bytes:
    """The head of the answer."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split()[0])
    await reader.readexactly(length)
    return head


def assert_problem(reply: Reply, status: int, type_: str) -> None:
    assert reply.status == status
    assert reply.headers["content-type"].startswith("application/problem+json")
    assert reply.headers["server"] == "freshet"
    assert reply.headers["x-content-type-options"] == "nosniff"
    problem = json.loads(reply.body)
    assert (problem["type"], problem["status"]) == (f"/problems/{type_}", status)
    assert problem["request_id"] == reply.headers["x-request-id"]


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"\x16\x03\x01\x00\xa5\r\n\r\n", "first line"),
        (b"GET /livez HTTP/1.1\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", "longer"),
        (b"GET /livez HTTP/1.1\r\nContent-Length: nonsense\r\n\r\n", "framing"),
        (b"POST /search HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "framing"),
    ],
)
async def test_what_is_no_http_is_a_400_in_the_one_shape(world, caplog, sent, told):
    [reply] = await send(world.port, Hostile("", sent))
    assert_problem(reply, 400, "bad-request")
    assert told in json.loads(reply.body)["detail"]
    assert caplog.records == []


async def test_an_expectation_that_cannot_be_met_is_a_400_in_the_one_shape(world):
    [reply] = await send(world.port, Hostile("", LAST.replace(b"\r\n\r\n", b"\r\nExpect: wonders\r\n\r\n")))
    assert_problem(reply, 400, "bad-request")


async def test_one_connection_too_many_is_told_to_come_back_and_served_when_another_has_gone():
    world = World()
    async with world.serving(limits=Limits(connections=2)), connected(world.port) as one:
        assert await ask(*one)
        async with connected(world.port) as two:
            assert await ask(*two)
            [reply] = await send(world.port, Hostile("", LAST))
            assert_problem(reply, 503, "unavailable")
            assert reply.headers["retry-after"] == "1"
            assert await ask(*one)

        async def is_served() -> bool:
            [reply] = await send(world.port, Hostile("", LAST))
            return reply.status == 200

        await wait_until(is_served, "there is room again")


async def test_a_head_that_does_not_end_costs_a_connection_only_so_long():
    world = World()
    async with world.serving(limits=Limits(head_seconds=0.05)):
        assert await send(world.port, Hostile("", b"GET /livez HTTP/1.1\r\nHost: local", silent=True)) == []
        async with connected(world.port) as (reader, writer):
            assert await ask(reader, writer)
            writer.write(b"GET /li")
            assert await reader.read() == b""


async def test_a_connection_between_two_requests_may_rest_longer_than_a_head_may_take():
    world = World()
    async with world.serving(limits=Limits(head_seconds=0.05)), connected(world.port) as (reader, writer):
        assert await ask(reader, writer)
        # As long as it takes another connection to be closed for its head.
        assert await send(world.port, Hostile("", b"GET /livez", silent=True)) == []
        assert await ask(reader, writer)


async def test_a_body_may_take_longer_than_a_head_but_not_than_the_deadline_and_then_it_is_not_our_failure():
    head = b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n"
    world = World()
    async with world.serving(limits=Limits(head_seconds=0.05)), connected(world.port) as (reader, writer):
        writer.write(head + b'{"query":')
        assert await send(world.port, Hostile("", b"GET /livez", silent=True)) == []
        writer.write(b'"cat"}')
        assert (await reader.readline()).split()[1] == b"200"
    async with world.serving(deadline_seconds=0.05):
        [reply] = await send(world.port, Hostile("", head + b'{"query":'))
        assert_problem(reply, 408, "slow-request")
    assert world.sample("search_requests_total", outcome="refused") == 1
