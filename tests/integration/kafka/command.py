"""Commands as processes of their own, and what they show on a terminal."""

import asyncio
import contextlib
import fcntl
import json
import os
import pty
import re
import struct
import sys
import termios
import uuid
from dataclasses import dataclass
from pathlib import Path

from tests.integration.kafka.reading import read_all
from tests.support.servers import KafkaServer


@dataclass
class Done:
    code: int
    out: str
    err: str


class Freshet:
    """`await freshet("publish", "-", stdin=b"…")`, with a documents topic of its own."""

    def __init__(self, kafka: KafkaServer, folder: Path, **settings: str) -> None:
        self.bootstrap = kafka.bootstrap
        self.topic = f"kb-{uuid.uuid4().hex[:8]}"
        self.index = self.topic
        self.folder = folder
        self._settings = {
            "FRESHET_KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap,
            "FRESHET_TOPICS__DOCUMENTS": self.topic,
            "FRESHET_TOPICS__PARTITIONS": "2",
            "FRESHET_INDEX": self.index,
            **settings,
        }

    async def __call__(self, *arguments: str, stdin: bytes = b"", stderr: int = asyncio.subprocess.PIPE) -> Done:
        process = await self.start(*arguments, stderr=stderr)
        out, err = await process.communicate(stdin)
        complaints = (err or b"").decode()
        assert "Traceback" not in complaints
        return Done(process.returncode or 0, out.decode("utf-8", "surrogateescape"), complaints)

    async def start(self, *arguments: str, stderr: int = asyncio.subprocess.PIPE) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-W", "error", "-m", "freshet", *arguments,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=stderr,
            cwd=self.folder, env=os.environ | self._settings,
        )  # fmt: skip

    async def records(self) -> dict[str, dict[str, object]]:
        found = await read_all(self.bootstrap, self.topic, 2)
        return {record.key.decode(): json.loads(record.value) for record in found}

    async def on_terminal(self, *arguments: str) -> tuple[Done, str]:
        """Run it with a terminal for what it says beside its output; what that showed, without colours and moves."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
        reading = asyncio.create_task(asyncio.to_thread(read_terminal, ours))
        done = await self(*arguments, stderr=theirs)
        os.close(theirs)
        return done, await reading


def read_terminal(terminal: int) -> str:
    """Everything that is written to a terminal until its other side is closed, without colours and cursor moves."""
    seen = b""
    with contextlib.suppress(OSError), open(terminal, "rb", buffering=0) as file:
        while part := file.read(1000):
            seen += part
    return re.sub(r"\x1b\[[^a-zA-Z]*[a-zA-Z]", "", seen.decode())
