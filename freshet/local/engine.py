"""Qdrant's engine in a process of its own, spoken to like a Qdrant server."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

import aiohttp

from freshet.local.processes import LOOPBACK, ChildProcess, Part, free_port

KEY_VARIABLE = "FRESHET_LOCAL_QDRANT_KEY"
START_SECONDS = 60.0
STOP_SECONDS = 20.0


class LocalQdrant(Part):
    """`async with LocalQdrant(folder=…, log=…) as qdrant:` serves the collections in `folder` at `qdrant.url`.

    Clients must send `qdrant.api_key`; without one given, a random one is made. Without `port` it takes a free one and
    keeps it as long as the object lives, so it may be stopped, killed (`qdrant.process`) and started again at the same
    address. Raises `LocalPartError` when it cannot start.
    """

    def __init__(self, *, folder: Path, log: Path, port: int | None = None, api_key: str | None = None) -> None:
        self.port = port or free_port()
        self.api_key = api_key or secrets.token_urlsafe(24)
        self.process = ChildProcess(
            "The local Qdrant",
            [sys.executable, "-m", "freshet.local.qdrant", "--folder", folder, "--port", str(self.port)],
            log=log,
            ready=self._answers,
            deadline=START_SECONDS,
            env={KEY_VARIABLE: self.api_key},
            grace=STOP_SECONDS,
        )

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    async def start(self) -> None:
        """Start (again) and return when it answers."""
        await self.process.start()

    async def stop(self) -> None:
        await self.process.stop()

    async def _answers(self) -> bool:
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{self.url}/readyz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False
