"""TLS in front of a server that speaks none."""

import asyncio
import contextlib
import ssl
from typing import Self

from freshet.local.processes import LOOPBACK, free_port
from tests.support.certificates import Pair


class TlsProxy:
    """`async with TlsProxy(port, pair) as proxy:` speaks TLS at `proxy.port`, and passes on what it hears."""

    def __init__(self, upstream: int, pair: Pair) -> None:
        self.port = free_port()
        self._upstream = upstream
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(pair.certificate, pair.key)
        self._served: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, self.port, ssl=self._context)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in list(self._served):
            task.cancel()
        await asyncio.gather(*self._served, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._served.add(task)
        there, back = await asyncio.open_connection(LOOPBACK, self._upstream)
        try:
            await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer))
        finally:
            writer.transport.abort()
            back.transport.abort()
            self._served.discard(task)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        writer.close()
