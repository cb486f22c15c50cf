"""Child processes that start for certain or fail at once, and never outlive us."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from freshet.schemas.errors import FreshetError

LAUNCHER = Path(__file__).with_name("launcher.py")
LOOPBACK = "127.0.0.1"
LOG_TAIL_BYTES = 8192
LOG_TAIL_LINES = 20
POLL_SECONDS = 0.02
READY_TRY_SECONDS = 2.0
# Below the ports that systems give to outgoing connections (from 32768 on Linux, 49152 elsewhere): one of theirs may be
# taken while a server restarts, and a client that keeps trying one where nobody listens may end up connected to itself.
SERVER_PORTS = range(20_000, 32_700)


class LocalPartError(FreshetError):
    """A local part could not be fetched or started; the message says which, why, and what to do."""


class Part(ABC):
    """What runs for as long as a context is open."""

    @abstractmethod
    async def start(self) -> None: ...

    @abstractmethod
    async def stop(self) -> None: ...

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


class ChildProcess(Part):
    """A server that we run ourselves: `async with ChildProcess(...)` starts it, waits until it is ready, and ends it.

    - `ready` is called until it returns true; `OSError`, or no answer for two seconds, means "not yet".
    - Dying before that, or not being ready within `deadline` seconds, raises `LocalPartError` with the end of the log.
    - stdout and stderr are appended to `log`; `env` is added to `inherit`, our environment. `cwd` is where it runs.
    - It has a process group of its own, so that Ctrl-C in a terminal reaches us alone and we end things in order.
    - It is killed when we end, even by SIGKILL; on Linux also when the thread ends that started it.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        log: Path,
        ready: Callable[[], Awaitable[bool]],
        deadline: float = 60.0,
        env: Mapping[str, str] | None = None,
        inherit: Mapping[str, str] = os.environ,
        cwd: Path | None = None,
        grace: float = 10.0,
    ) -> None:
        self.name = name
        self.log = log
        self._argv = [str(part) for part in argv]
        self._ready = ready
        self._deadline = deadline
        self._env = {**inherit, **(env or {})}
        self._cwd = cwd
        self._grace = grace
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def pid(self) -> int:
        return self._started().pid

    @property
    def alive(self) -> bool:
        """Whether it runs (or is paused): false before the start and after the end."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for the signal that ended it."""
        return self._started().poll()

    async def start(self) -> None:
        """Start (again) and return when it is ready. Raises `LocalPartError`; nothing is left running then."""
        if self.alive:
            raise RuntimeError(f"{self.name} is already running")
        self._spawn()
        try:
            await self._wait_until_ready()
        except BaseException:
            await self.kill()
            raise

    async def stop(self, grace: float | None = None) -> None:
        """End it: SIGTERM, and SIGKILL when it still runs after `grace` seconds."""
        if not self.alive:
            return
        self._signal(signal.SIGTERM)
        self.resume()  # a paused process would not see the signal
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._grace if grace is None else grace):
                    await self._ended()
        finally:
            await self.kill()

    async def kill(self) -> None:
        """End it at once, as a crash would (SIGKILL)."""
        self._signal(signal.SIGKILL)
        await self._ended()

    def pause(self) -> None:
        """Freeze it (SIGSTOP): its connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def log_tail(self) -> str:
        """The last lines that it wrote since its last start."""
        with self.log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(self._log_start, size - LOG_TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
        return "\n".join(lines[-LOG_TAIL_LINES:])

    def _spawn(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._log_start = output.tell()
            self._process = subprocess.Popen(  # noqa: S603
                _launched(self._argv),
                stdin=subprocess.PIPE,  # never written: its end tells the launcher's watcher that we are gone
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._env,
                cwd=self._cwd,
                process_group=0,
            )

    async def _wait_until_ready(self) -> None:
        ready = asyncio.ensure_future(self._poll_ready())
        ended = asyncio.ensure_future(self._ended())
        try:
            await asyncio.wait({ready, ended}, timeout=self._deadline, return_when=asyncio.FIRST_COMPLETED)
            if not self.alive:
                code = self._started().returncode
                raise LocalPartError(f"{self.name} ended with code {code} before it was ready. {self._log_report()}")
            if not ready.done():
                raise LocalPartError(f"{self.name} was not ready after {self._deadline:g} s. {self._log_report()}")
            ready.result()
        finally:
            ready.cancel()
            ended.cancel()
            await asyncio.gather(ready, ended, return_exceptions=True)

    async def _poll_ready(self) -> None:
        while True:
            with contextlib.suppress(OSError):  # TimeoutError is one
                async with asyncio.timeout(READY_TRY_SECONDS):
                    if await self._ready():
                        return
            await asyncio.sleep(POLL_SECONDS)

    async def _ended(self) -> None:
        while self.alive:  # noqa: ASYNC110 (a process sets no event)
            await asyncio.sleep(POLL_SECONDS)
        process = self._process
        if process is not None and process.stdin is not None:
            process.stdin.close()

    def _log_report(self) -> str:
        return f"Its log ({self.log}) ends with:\n{self.log_tail() or '(nothing)'}"

    def _signal(self, number: signal.Signals) -> None:
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError(f"{self.name} was not started")
        return self._process


async def run_program(argv: Sequence[str | Path]) -> tuple[int, str]:
    """Run a program to its end: its exit code, and what it wrote. It is killed when we are cancelled, or end."""
    process = await asyncio.create_subprocess_exec(
        *_launched([str(part) for part in argv]),
        stdin=asyncio.subprocess.PIPE,  # as in ChildProcess
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        process_group=0,
    )
    assert process.stdout is not None  # noqa: S101
    try:
        output = await process.stdout.read()
        return await process.wait(), output.decode(errors="replace").strip()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


def _launched(argv: Sequence[str]) -> list[str]:
    return [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), *argv]


def free_ports(count: int) -> list[int]:
    """Different loopback ports on which nobody listens, for servers that may restart on them."""
    with contextlib.ExitStack() as held:
        return [_hold_free_port(held) for _ in range(count)]


def free_port() -> int:
    return free_ports(1)[0]


def _hold_free_port(held: contextlib.ExitStack) -> int:
    for port in random.sample(SERVER_PORTS, k=200):
        candidate = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        with contextlib.suppress(OSError):
            candidate.bind((LOOPBACK, port))
            return port
    raise LocalPartError(f"found no free port between {SERVER_PORTS.start} and {SERVER_PORTS.stop}")
