"""Programs that a benchmark asks beside ours."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from benchmarks.encoder import REPOSITORY
from freshet.local.processes import LOOPBACK, LocalPartError, free_port


@asynccontextmanager
async def served(module: str, *options: str) -> AsyncIterator[str]:
    """The address of one, a module that is given a port and `options`, and says with a line that it listens there.

    Raises LocalPartError where it ends instead.
    """
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, str(port), *options), cwd=REPOSITORY, stdout=asyncio.subprocess.PIPE
    )
    try:
        if process.stdout is None or not await process.stdout.readline():
            raise LocalPartError(f"{module} did not start")
        yield f"http://{LOOPBACK}:{port}"
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
