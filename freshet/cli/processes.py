"""`freshet worker` and `freshet search`: processes that run until they are told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from freshet.cli.running import settings
from freshet.garbage import spare_what_stays

if TYPE_CHECKING:
    from freshet.settings import Settings

Run = Callable[["Settings", "Signals"], Coroutine[Any, Any, None]]
logger = logging.getLogger("freshet")
_GRACE = 2.0  # seconds beside those that a batch in flight has
_LAST_GRACE = 0.5  # seconds after that, once everything was cancelled


def worker() -> None:
    """Keep the index true to the documents topic, until SIGTERM or Ctrl-C."""
    run(run_worker)


def search() -> None:
    """Answer searches over HTTP, until SIGTERM or Ctrl-C."""
    run(run_search)


@dataclass(frozen=True)
class Signals:
    """`ready` is set by a process that has everything it needs, `stop` by whoever wants it to end."""

    ready: asyncio.Event = field(default_factory=asyncio.Event)
    stop: asyncio.Event = field(default_factory=asyncio.Event)


async def run_worker(given: Settings, signals: Signals, **options: Any) -> None:
    """A worker until it is told to stop; `options` are those of its wiring."""
    from freshet.wiring.worker import worker_process

    async with worker_process(given, **options) as process:
        logger.info("probes and metrics at http://%s:%s", given.probes.host, process.probe_port)
        signals.ready.set()
        spare_what_stays()
        await process.run(signals.stop)


async def run_search(given: Settings, signals: Signals, **options: Any) -> None:
    """A search service until it is told to stop; `options` are those of its wiring."""
    from freshet.wiring.search import search_process

    async with search_process(given, **options) as process:
        logger.info("probes and metrics at http://%s:%s", given.probes.host, process.probe_port)
        logger.info("searches at http://%s:%s", given.search.host, process.port)
        signals.ready.set()
        spare_what_stays()
        await signals.stop.wait()


def run(process: Run) -> None:
    """Run a process to its end, by the settings of the environment."""
    given = settings()
    _log(given.log_level)
    from freshet.wiring.parts import fetch_model

    fetch_model(given)
    asyncio.run(_until_stopped(given, process))


async def _until_stopped(given: Settings, process: Run) -> None:
    """Run until done, or until a signal; whoever still waits for its servers is cancelled then at once.

    It has as much time to end as the others: Faust, which joins its group, can end only once that is done, and where a
    member was killed that is when its session is over.
    """
    signals, loop = Signals(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, signals.stop.set)
    running = asyncio.create_task(process(given, signals))
    stopping = asyncio.create_task(signals.stop.wait())
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not running.done():
        patience = given.worker.shutdown_seconds + _GRACE
        if signals.ready.is_set():
            await asyncio.wait({running}, timeout=patience)
            patience = _LAST_GRACE
        running.cancel()
        done, _ = await asyncio.wait({running}, timeout=patience)
        if not done:  # something holds on to a server that is away; nothing that matters is left to do
            logger.error("did not end in time and is cut off; what was not committed is delivered again")
            os._exit(1)
    try:
        await running
    except asyncio.CancelledError:
        logger.info("ended before everything was done; what was not committed is delivered again")


def _log(level: str) -> None:
    from freshet.logs import log_to_stderr
    from freshet.streams.kafka.logs import limit_client_logs

    log_to_stderr(level)
    limit_client_logs()
