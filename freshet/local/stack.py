"""Everything on this machine: Kafka, the engine, a worker and a search service, each a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NoReturn, Self, TypeVar

from freshet.local.asking import is_ready
from freshet.local.engine import LocalQdrant
from freshet.local.kafka import LocalKafka
from freshet.local.listening import Listener, taken_by
from freshet.local.processes import LOOPBACK, ChildProcess, LocalPartError, free_port
from freshet.settings import SEARCH_PROBE_PORT, WORKER_PROBE_PORT

T = TypeVar("T")

SEARCH_PORT: Final = 8080
WORKER_NICE: Final = "10"
START_SECONDS: Final = 120.0  # loading a model on a busy machine
PROCESS_GRACE: Final = 8.0  # the worker's batch in flight has 5
SERVER_GRACE: Final = 6.0
WATCH_SECONDS: Final = 0.2
PREFIX: Final = "FRESHET_"
# Of the user's own settings those that say how this machine computes; the others speak of another Kafka, another index.
KEPT: Final = frozenset(
    f"{PREFIX}{name}" for name in ("CACHE_DIR", "LOG_LEVEL", "EMBEDDING__THREADS", "EMBEDDING__PRECISION")
)


@dataclass(eq=False)
class Start:
    """How far the start of a part has come; times are of the monotonic clock, in seconds."""

    name: str
    process: ChildProcess
    began: float | None = None
    ready: float | None = None

    @property
    def is_ready(self) -> bool:
        return self.ready is not None

    @property
    def seconds(self) -> float | None:
        """How long it took, or takes so far; None before it begins."""
        return None if self.began is None else (self.ready or time.monotonic()) - self.began

    async def of(self, work: Coroutine[Any, Any, None]) -> None:
        """Start the part by `work`."""
        self.began, self.ready = time.monotonic(), None
        await work
        self.ready = time.monotonic()


class LocalStack:
    """`async with LocalStack(folder=…, jars=…, port=…) as stack:` ends whatever of it was started, in reverse order.

    `start_servers` starts Kafka and the engine, `start_processes` then the worker and the search service at `url`, and
    `start` all of it as early as it goes; `starts` tells how far each is. Data stay in `folder`, logs in its `logs`;
    hold `locked(folder)` meanwhile. Everything listens on loopback only. The worker and the service see nothing of the
    user's own settings but how to compute; `fields` of the metadata are declared for filters, by their kinds,
    and `search` are further settings of the service, by their names without the prefix.
    """

    def __init__(
        self,
        *,
        folder: Path,
        jars: Sequence[Path],
        port: int,
        fields: Mapping[str, str] | None = None,
        search: Mapping[str, str] | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._folder = folder
        self._fields = fields or {}
        # Temporary files of all parts, so that even those of killed ones go.
        self._scratch = folder / "tmp"
        self._environ = {**environ, "TMPDIR": str(self._scratch)}
        self.port = port
        self.kafka = LocalKafka(jars=jars, folder=folder / "kafka", log=self._log("kafka"))
        self.qdrant = LocalQdrant(folder=folder / "qdrant", log=self._log("qdrant"))
        worker_probes, search_probes = usual_or_free(WORKER_PROBE_PORT), usual_or_free(SEARCH_PROBE_PORT)
        self.worker_url = f"http://{LOOPBACK}:{worker_probes}"
        # Searches first: people wait for them.
        self.worker = self._process("worker", worker_probes, self.worker_url, {"WORKER__NICE": WORKER_NICE})
        # One query at a time is short work, and the worker wants the cores.
        light = {"SEARCH__PORT": str(port), "EMBEDDING__THREADS": "1", **(search or {})}
        self.search = self._process("search", search_probes, self.url, light)
        self._kafka_start = Start("Kafka", self.kafka.process)
        self._qdrant_start = Start("index engine", self.qdrant.process)
        self._worker_start = Start("worker", self.worker)
        self._search_start = Start("search service", self.search)
        self.starts = (self._kafka_start, self._qdrant_start, self._worker_start, self._search_start)

    async def __aenter__(self) -> Self:
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch.mkdir(parents=True)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    async def start(self, *, searchable: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Return when everything answers; `searchable` is awaited as soon as searches are. Raises `LocalPartError`.

        Each part starts when its servers answer: all at once they take longer, for two cores are few.
        """
        kafka_answers, qdrant_answers = asyncio.Event(), asyncio.Event()

        async def kafka() -> None:
            await self._kafka_start.of(self.kafka.start())
            kafka_answers.set()

        async def qdrant() -> None:
            await self._qdrant_start.of(self.qdrant.start())
            qdrant_answers.set()

        async def worker() -> None:
            await kafka_answers.wait()
            await qdrant_answers.wait()
            await self._worker_start.of(self.worker.start())

        async def search() -> None:
            await qdrant_answers.wait()
            await self._search_start.of(self.search.start())
            await searchable()

        await together(kafka(), qdrant(), worker(), search())

    async def start_servers(self) -> None:
        """Return when Kafka and the engine answer. Raises `LocalPartError`."""
        await together(self._kafka_start.of(self.kafka.start()), self._qdrant_start.of(self.qdrant.start()))

    async def start_processes(self) -> None:
        """Return when the worker consumes and searches are answered. Raises `LocalPartError`."""
        await together(self._worker_start.of(self.worker.start()), self._search_start.of(self.search.start()))

    async def guard(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`, or `LocalPartError` as soon as a part has ended that runs now or became ready since."""
        return await until_done(work, self._watch())

    async def stop(self) -> None:
        """End everything within some seconds: what uses the servers before the servers."""
        try:
            await asyncio.gather(self.search.stop(), self.worker.stop())
        finally:
            await asyncio.gather(self.qdrant.process.stop(SERVER_GRACE), self.kafka.process.stop(SERVER_GRACE))
            shutil.rmtree(self._scratch, ignore_errors=True)

    async def _watch(self) -> NoReturn:
        running = {each.process for each in self.starts if each.process.alive}
        while True:
            running |= {each.process for each in self.starts if each.is_ready and each.process.alive}
            for part in running:
                if not part.alive:
                    raise LocalPartError(f"{part.name} ended by itself; its log is {part.log}")
            await asyncio.sleep(WATCH_SECONDS)

    def _process(self, command: str, probes: int, ready_at: str, settings: Mapping[str, str]) -> ChildProcess:
        given = {
            "KAFKA__BOOTSTRAP_SERVERS": self.kafka.bootstrap,
            "QDRANT__URL": self.qdrant.url,
            "QDRANT__API_KEY": self.qdrant.api_key,
            "PROBES__PORT": str(probes),
            "FIELDS": json.dumps(self._fields),
            **settings,
        }
        return ChildProcess(
            f"freshet {command}",
            [sys.executable, "-m", "freshet", command],
            log=self._log(command),
            ready=partial(is_ready, ready_at),
            deadline=START_SECONDS,
            env={f"{PREFIX}{name}": value for name, value in given.items()},
            inherit=_without_settings(self._environ),
            cwd=self._folder,  # where no .env lies
            grace=PROCESS_GRACE,
        )

    def _log(self, name: str) -> Path:
        return self._folder / "logs" / f"{name}.log"


def usual_or_free(port: int) -> int:
    """The port where it is free, else another one."""
    return port if is_free(port) else free_port()


def is_free(port: int) -> bool:
    return taken_by(LOOPBACK, port) is Listener.NOBODY


@contextlib.contextmanager
def locked(folder: Path, what: str) -> Iterator[None]:
    """Keep others out of the folder. Raises `LocalPartError` at once where another process is in it with `what`.

    The system opens the lock when we end, however that comes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise LocalPartError(f"{what} runs already (process {holder}), with its data in {folder}") from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        try:
            yield
        finally:
            lock.truncate(0)


def _without_settings(environ: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in environ.items()
        if name.upper() in KEPT or not name.upper().startswith(PREFIX)  # they are read in any case
    }


async def together(*starts: Coroutine[Any, Any, None]) -> None:
    """Run all; when one fails, the others are cancelled and have ended before its error goes on."""
    tasks = [asyncio.create_task(each) for each in starts]
    try:
        await asyncio.gather(*tasks)
    finally:
        await _end(*tasks)


async def until_done(work: Coroutine[Any, Any, T], *beside: Coroutine[Any, Any, object]) -> T:
    """The result of `work`; the others run until then, and an error of theirs ends it."""
    working, others = asyncio.create_task(work), [asyncio.create_task(each) for each in beside]
    waiting = {working, *others}
    try:
        while not working.done():
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for each in done.intersection(others):
                each.result()
        return working.result()
    finally:
        await _end(working, *others)


async def _end(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
