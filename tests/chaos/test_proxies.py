"""What the proxies do to requests, as their callers and the server behind them see it."""

import asyncio
import json
import random

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from freshet.local.processes import LOOPBACK
from tests.chaos.weather import bad_weather
from tests.chaos.writes import Write, write_of
from tests.support.holding import Hold
from tests.support.http_proxy import FINE, HttpProxy, Mishap
from tests.support.proxy import TcpProxy, Trouble
from tests.support.waiting import wait_until

ANSWER = b"an answer that is long enough to be cut"


@pytest.fixture
async def server():
    """A server that keeps what it is sent."""
    seen = []

    async def answer(request):
        seen.append(await request.read())
        return web.Response(body=ANSWER, headers={"X-From": "server"})

    runner = web.ServerRunner(web.Server(answer, access_log=None))
    await runner.setup()
    site = web.TCPSite(runner, LOOPBACK, 0)
    await site.start()
    [(_, port)] = runner.addresses
    yield port, seen
    await runner.cleanup()


@pytest.fixture
async def proxy(server):
    async with HttpProxy(f"http://{LOOPBACK}:{server[0]}") as proxy:
        yield proxy


async def put(proxy, body=b"x", *, door=0):
    async with aiohttp.ClientSession() as session, session.put(f"{proxy.urls[door]}/points", data=body) as answer:
        return answer.status, await answer.read(), answer.headers


async def test_in_fine_weather_everything_passes(proxy, server):
    status, answer, headers = await put(proxy, b"hello")
    assert (status, answer, headers["X-From"]) == (200, ANSWER, "server")
    assert server[1] == [b"hello"]
    assert proxy.troubled == 0


@pytest.mark.parametrize(("passed_on", "seen"), [(True, [b"x"]), (False, [])])
async def test_an_error_may_be_told_of_a_write_that_was_applied_or_was_not(proxy, server, passed_on, seen):
    proxy.weather = lambda _request, _body: Mishap(status=503, passed_on=passed_on)
    assert (await put(proxy))[0] == 503
    assert server[1] == seen
    assert proxy.troubled == 1


async def test_a_write_is_acknowledged_and_comes_later(proxy, server):
    proxy.weather = lambda _request, _body: Mishap(acknowledged=True, late=0.2)
    status, answer, _ = await put(proxy)
    assert (status, b"acknowledged" in answer, server[1]) == (200, True, [])
    await wait_until(lambda: server[1] == [b"x"], "the write has arrived")


@pytest.mark.parametrize("mishap", [Mishap(cut=True), Mishap(reset=True), Mishap(reset=True, passed_on=False)])
async def test_answers_are_cut_and_connections_reset(proxy, mishap):
    proxy.weather = lambda _request, _body: mishap
    with pytest.raises(aiohttp.ClientError):
        await put(proxy)


async def test_a_write_that_is_held_arrives_when_it_is_let_go_though_nobody_waits_for_it_any_more(server):
    async with HttpProxy(f"http://{LOOPBACK}:{server[0]}", doors=2) as proxy:
        hold = proxy.hold = Hold(1, ["big"], lambda _request, body: "big" if len(body) > 1 else None)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await put(proxy, b"held", door=1)
        assert hold.full
        await put(proxy, b"of another door")
        await put(proxy, b"s", door=1)
        await put(proxy, b"the second", door=1)
        assert server[1] == [b"of another door", b"s", b"the second"]
        hold.let_go()
        await wait_until(lambda: hold.arrived == 1, "it has arrived")
        assert server[1][3:] == [b"held"]


async def test_a_write_that_is_let_go_waits_for_a_server_that_is_away(server):
    async with HttpProxy(f"http://{LOOPBACK}:1") as proxy:
        hold = proxy.hold = Hold(0, ["any"], lambda _request, _body: "any")
        late = asyncio.create_task(put(proxy, b"held"))
        await wait_until(lambda: hold.full, "it is held")
        hold.let_go()
        await asyncio.sleep(0.1)
        assert hold.arrived == 0
        proxy.upstream = f"http://{LOOPBACK}:{server[0]}"
        assert (await late)[:2] == (200, ANSWER)


def removed(*points):
    return {"must": [{"has_id": points}, {"key": "partition", "match": {"value": 0}}]}


@pytest.mark.parametrize(
    ("method", "path", "body", "write"),
    [
        ("PUT", "points", {"points": [{"payload": {"kind": "passage"}}]}, Write.ADD),
        ("PUT", "points", {"points": [{"payload": {"kind": "ledger"}}]}, Write.COMMIT),
        ("PUT", "points", {"points": [{"payload": {"kind": "statistics"}}]}, None),
        ("POST", "points/delete", {"filter": {"should": [removed("a", "b")]}}, Write.REMOVE),
        ("POST", "points/delete", {"filter": {"should": [removed("a"), removed("b")]}}, None),
        ("POST", "points/delete", {"filter": {"must": []}}, None),
        ("POST", "points/scroll", {"filter": {"should": []}}, None),
    ],
)
def test_the_writes_of_the_protocol_are_known_by_their_requests(method, path, body, write):
    request = make_mocked_request(method, f"/collections/c/{path}?wait=true")
    assert write_of(request, json.dumps(body).encode()) == write


async def test_where_the_server_is_away_connections_are_reset():
    async with HttpProxy(f"http://{LOOPBACK}:1") as proxy:
        with pytest.raises(aiohttp.ClientError):
            await put(proxy)


def test_bad_weather_lies_about_writes_and_only_about_them():
    weather = bad_weather(random.Random(1))
    of_writes = {weather(make_mocked_request("PUT", "/collections/c/points"), b"") for _ in range(3_000)}
    of_reads = {weather(make_mocked_request("POST", "/collections/c/points/scroll"), b"") for _ in range(3_000)}
    assert {each.acknowledged for each in of_writes} == {True, False}
    assert {each.acknowledged or each.late is not None for each in of_reads} == {False}
    assert FINE in of_reads
    assert {each.status for each in of_reads} >= {None, 429, 500, 503}


async def ask(port):
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    try:
        return await reader.read()
    finally:
        writer.close()


async def test_a_tcp_proxy_passes_on_delays_and_cuts(server):
    async with TcpProxy(server[0]) as proxy:
        whole = await ask(proxy.port)
        assert whole.endswith(ANSWER)
        proxy.trouble = lambda: Trouble(delay=0.01)
        assert (await ask(proxy.port)).endswith(ANSWER)
        proxy.trouble = lambda: Trouble(keep=0.5)
        cut = await cut_or_reset(proxy.port)
        assert len(cut) < len(whole)
        assert proxy.troubled >= 2


async def test_a_tcp_proxy_resets_where_the_server_is_away():
    async with TcpProxy(1) as proxy:
        assert await cut_or_reset(proxy.port) == b""


async def cut_or_reset(port):
    try:
        return await ask(port)
    except ConnectionError:
        return b""
