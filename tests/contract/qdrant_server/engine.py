"""Local engines for tests: started as a user's process is, spoken to with the official client."""

import asyncio
import json
import os
import sys
import warnings
from pathlib import Path

from qdrant_client import AsyncQdrantClient

KEY = "test-key"
START_SECONDS = 60
END_SECONDS = 20


class Engine:
    """A process of the local engine on `folder`; its log is `folder`.log beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = ""
        self._log = folder.with_name(folder.name + ".log")
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, *options: str, port: int = 0) -> None:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "freshet.local.qdrant", "--folder", str(self.folder), "--port", str(port)),
                *options,
                env={**os.environ, "FRESHET_LOCAL_QDRANT_KEY": KEY},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        assert self._process.stdout is not None
        ready = await asyncio.wait_for(self._process.stdout.readline(), START_SECONDS)
        if not ready:
            raise AssertionError(f"the engine ended with {await self.ended()}:\n{self.log}")
        self.url = json.loads(ready)["url"]

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def process(self) -> asyncio.subprocess.Process:
        assert self._process is not None
        return self._process

    async def ended(self) -> int:
        return await asyncio.wait_for(self.process.wait(), END_SECONDS)

    async def stop(self) -> int:
        if self.process.returncode is None:
            self.process.terminate()
        return await self.ended()

    async def kill(self) -> None:
        self.process.kill()
        await self.ended()


def connect(url: str, key: str | None = KEY) -> AsyncQdrantClient:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Api key is used with an insecure connection")
        return AsyncQdrantClient(url=url, api_key=key, timeout=60, check_compatibility=False)
