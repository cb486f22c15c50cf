"""What stands between a process and a server and does what networks do: delays, resets, answers cut in the middle."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

from freshet.local.processes import LOOPBACK, free_port

CHUNK: Final = 65_536


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happens to a piece of an answer: it waits so long, and is then passed on whole, in half, or not at all."""

    delay: float = 0.0
    keep: float = 1.0  # the share that is passed on before the connection is cut; all of it cuts nothing


FINE: Final = Trouble()


class TcpProxy:
    """`async with TcpProxy(port) as proxy:` passes on what it gets at `proxy.port`, with what `trouble()` says.

    Where the server is away, connections are reset.
    """

    def __init__(self, upstream: int) -> None:
        self.port = free_port()
        self.troubled = 0
        self.calm()
        self.upstream = upstream
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    def calm(self) -> None:
        """Nothing happens from now on."""
        self.trouble: Callable[[], Trouble] = lambda: FINE

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, LOOPBACK, self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            there, back = await asyncio.open_connection(LOOPBACK, self.upstream)
        except OSError:
            writer.transport.abort()
        else:
            try:
                await self._pass_on_both(reader, writer, there, back)
            finally:
                writer.transport.abort()
                back.transport.abort()
        finally:
            self._connections.discard(task)

    async def _pass_on_both(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        there: asyncio.StreamReader,
        back: asyncio.StreamWriter,
    ) -> None:
        """Until one side ends; then the other is ended, too."""
        ways = {
            asyncio.ensure_future(self._pass_on(reader, back, lambda: FINE)),
            asyncio.ensure_future(self._pass_on(there, writer, lambda: self.trouble())),  # noqa: PLW0108 (it may change),
        }
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _pass_on(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, trouble: Callable[[], Trouble]
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(CHUNK):
                now = trouble()
                self.troubled += now != FINE
                await asyncio.sleep(now.delay)
                target.write(data[: round(len(data) * now.keep)])
                await target.drain()
                if now.keep < 1:
                    return
