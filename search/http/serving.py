"""Serving an application on an address for as long as a context is open."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from freshet.schemas.errors import SettingsError
from freshet.search.http.connections import LimitedRunner, Limits

_KEEPALIVE_SECONDS: Final = 75  # longer than a proxy before us keeps its connections (nginx: 60)
_LIMITS: Final = Limits()
_BODY_LINGER_SECONDS: Final = 1  # for the rest of a body that was refused half read


_logger = logging.getLogger(__name__)


@asynccontextmanager
async def serve(
    app: web.Application, *, host: str, port: int, grace_seconds: float = 5.0, limits: Limits = _LIMITS
) -> AsyncIterator[int]:
    """Serve `app` and yield the port, which is a free one when `port` is 0.

    On leaving, no new request is taken and those in flight have `grace_seconds` to end. There is no access log: metrics
    count, and a line a request would cost more than the request. Raises SettingsError when the address cannot be had.
    """
    runner = LimitedRunner(
        app,
        limits=limits,
        access_log=None,
        logger=_logger,
        handler_cancellation=True,  # whoever has hung up costs nothing more
        keepalive_timeout=_KEEPALIVE_SECONDS,
        lingering_time=_BODY_LINGER_SECONDS,
        shutdown_timeout=grace_seconds,
    )
    await runner.setup()
    try:
        await _listen(runner, host, port)
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        raise SettingsError(f"cannot listen on {host}:{port}: {error.strerror or error}; set another port") from error
