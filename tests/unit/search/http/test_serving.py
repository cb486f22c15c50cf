from __future__ import annotations

import asyncio

import pytest
from aiohttp import ClientConnectionError, ClientConnectorError, ClientSession, web

from freshet.schemas.errors import SettingsError
from freshet.search.http.serving import serve
from tests.support.waiting import wait_until


async def test_a_port_that_is_taken_is_a_settings_error_that_names_it():
    async with serve(web.Application(), host="127.0.0.1", port=0) as port:
        with pytest.raises(SettingsError, match=f"127.0.0.1:{port}"):
            async with serve(web.Application(), host="127.0.0.1", port=port):
                pass


async def test_a_request_in_flight_is_answered_before_the_server_ends_and_no_new_one_is_taken():
    started, finish = asyncio.Event(), asyncio.Event()

    async def slow(_: web.Request) -> web.Response:
        started.set()
        await finish.wait()
        return web.Response(text="done")

    app = web.Application()
    app.add_routes([web.get("/", slow)])
    server = serve(app, host="127.0.0.1", port=0)
    port = await server.__aenter__()
    async with ClientSession() as session:
        url = f"http://127.0.0.1:{port}/"

        async def ask() -> str:
            async with session.get(url) as response:
                return await response.text()

        async def is_closed() -> bool:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionError:
                return True
            writer.close()
            return False

        asked = asyncio.create_task(ask())
        await started.wait()
        ending = asyncio.create_task(server.__aexit__(None, None, None))
        await wait_until(is_closed, "the port is closed")
        assert not asked.done()
        finish.set()
        assert await asked == "done"
        await ending
        with pytest.raises(ClientConnectorError):
            await session.get(url)


async def test_a_request_that_does_not_end_is_cut_off_after_the_grace():
    started = asyncio.Event()

    async def endless(_: web.Request) -> web.Response:
        started.set()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    app = web.Application()
    app.add_routes([web.get("/", endless)])
    async with ClientSession() as session:
        async with serve(app, host="127.0.0.1", port=0, grace_seconds=0.05) as port:
            asked = asyncio.create_task(session.get(f"http://127.0.0.1:{port}/"))
            await started.wait()
        with pytest.raises(ClientConnectionError):
            await asked


async def test_what_a_caller_who_has_hung_up_asked_for_is_given_up():
    started, given_up = asyncio.Event(), asyncio.Event()

    async def endless(_: web.Request) -> web.Response:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            given_up.set()
        raise AssertionError("unreachable")

    app = web.Application()
    app.add_routes([web.get("/", endless)])
    async with ClientSession() as session, serve(app, host="127.0.0.1", port=0) as port:
        asked = asyncio.create_task(session.get(f"http://127.0.0.1:{port}/"))
        await started.wait()
        asked.cancel()
        await given_up.wait()
