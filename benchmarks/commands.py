"""Running `freshet` commands beside a stack: what they print, how long they take, and the most memory they had."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from freshet.local.processes import LocalPartError
from freshet.local.stack import LocalStack

LOOK_SECONDS: Final = 0.05
MIB: Final = 2**10  # KiB


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command printed, seconds from its start to its end, and its peak memory in MiB."""

    output: str
    seconds: float
    memory: float

    @property
    def json(self) -> Any:
        return json.loads(self.output)


def environment(stack: LocalStack, settings: Mapping[str, str]) -> dict[str, str]:
    """Those of this process without settings, and where the stack is."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FRESHET_")}
    servers = {
        "FRESHET_KAFKA__BOOTSTRAP_SERVERS": stack.kafka.bootstrap,
        "FRESHET_QDRANT__URL": stack.qdrant.url,
        "FRESHET_QDRANT__API_KEY": stack.qdrant.api_key,
        "FRESHET_PROBES__PORT": "0",
    }
    return {**kept, **servers, **settings}


@asynccontextmanager
async def command(stack: LocalStack, *arguments: str, **settings: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A command that runs; killed at the end where it still does."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "freshet", *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, env=environment(stack, settings),
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def run(stack: LocalStack, *arguments: str, **settings: str) -> Ran:
    """Run a command to its end. Raises LocalPartError where it fails."""
    began, memory = time.perf_counter(), 0.0
    async with command(stack, *arguments, **settings) as process:
        reading = asyncio.create_task(process.communicate())
        while not reading.done():
            memory = max(memory, peak_memory(process.pid))
            await asyncio.wait({reading}, timeout=LOOK_SECONDS)
        output, _ = await reading
    if process.returncode:
        raise LocalPartError(f"freshet {' '.join(arguments)} failed: {output.decode()[-500:]}")
    return Ran(output.decode(), time.perf_counter() - began, memory)


def peak_memory(pid: int) -> float:
    """The most resident memory that a process had, in MiB; 0 once it has ended.

    See https://man7.org/linux/man-pages/man5/proc_pid_status.5.html.
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / MIB for line in lines if line.startswith("VmHWM:")), 0.0)
