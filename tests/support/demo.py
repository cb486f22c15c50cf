"""`freshet demo`, as people start it: a process of its own in a data folder of the test's."""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import aiohttp

from tests.support.waiting import wait_until

START_SECONDS = 180.0
END_SECONDS = 30.0
# What a user may have set for other purposes: none of it is the demo's.
STRANGE = {"FRESHET_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1", "FRESHET_INDEX": "elsewhere", "FRESHET_TENANTS": "true"}


class Demo:
    """One run, in a process group of its own as a terminal gives it, with its output in files of `folder`."""

    started: ClassVar[list[Demo]] = []  # so that none outlives its test, and holds the ports of the next

    def __init__(self, folder: Path, data: Path) -> None:
        self.out, self.err = folder / "out", folder / "err"
        self._home = folder
        self._data = data
        self._process: asyncio.subprocess.Process

    async def start(self, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        self._home.mkdir(exist_ok=True)
        (self._home / ".env").write_text("FRESHET_TOPICS__DOCUMENTS=another\n")
        ours = {"FRESHET_DATA_DIR": str(self._data), "TMPDIR": str(self.scratch)}
        self.scratch.mkdir(exist_ok=True)
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "freshet", "demo", *arguments),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=self._home,
                env={**os.environ, **STRANGE, **ours, **(environment or {})},
                process_group=0,
            )
        self.started.append(self)

    @property
    def scratch(self) -> Path:
        """Where its temporary files would lie."""
        return self._home / "tmp"

    @property
    def address(self) -> str | None:
        """The address of its page, once it was told."""
        found = re.search(r"http://[0-9.:]+", self.out.read_text())
        return found and found[0]

    async def serving(self) -> str:
        return str(await self.until(lambda: self.address, "the demo serves"))

    async def until(self, condition: Any, what: str) -> Any:
        """The condition's value, once it is true; fails where the demo ends before."""

        def look() -> Any:
            if self._process.returncode is not None:
                raise RuntimeError(f"it ended: {self.err.read_text()}")
            return condition()

        return await wait_until(look, what, deadline=START_SECONDS)

    def interrupt(self) -> None:
        """Ctrl-C."""
        os.killpg(self._process.pid, signal.SIGINT)

    def send(self, number: int) -> None:
        self._process.send_signal(number)

    async def end(self, seconds: float = END_SECONDS) -> int:
        return await asyncio.wait_for(self._process.wait(), seconds)

    async def holds(self, lock: Path) -> None:
        """Return when it has locked its data: from then on it can be told to stop."""
        pid = str(self._process.pid)
        await self.until(lambda: lock.is_file() and lock.read_text() == pid, "the demo locks its data")

    def children(self) -> dict[int, str]:
        """The command lines of its parts."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                parent = (folder / "stat").read_text().rsplit(")", 1)[1].split()[1]
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(parent) == self._process.pid:
                found[int(folder.name)] = command
        return found

    async def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


def expect_nothing_left(data: Path, name: str = "demo") -> None:
    """No process that ever belonged to a demo with this data runs, and the data are not locked."""
    mark = f"FRESHET_DATA_DIR={data}".encode()
    left = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                left[folder.name] = (folder / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    assert not left
    if (data / name / "lock").exists():
        with (data / name / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


async def index_facts(url: str) -> dict[str, Any]:
    """What `GET /index` tells; nothing while there is no index."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}/index") as answer:
        return dict(await answer.json()) if answer.status == 200 else {}


async def worker_metrics(data: Path, name: str = "demo") -> str:
    """The metrics of the worker that was started last."""
    log = (data / name / "logs" / "worker.log").read_text()
    url = re.findall(r"probes and metrics at (http://[0-9.:]+)", log)[-1]
    async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as answer:
        return await answer.text()
