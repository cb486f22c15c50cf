"""A bash that keeps its folder and variables from one command to the next."""

import asyncio
import contextlib
import os
import signal
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

SECONDS = 90.0


class Shell:
    """`async with Shell(folder, environment) as shell: code, output = await shell.run("freshet lag")`"""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = dict(environment)
        self._background = 0

    async def __aenter__(self) -> Self:
        self._bash = await asyncio.create_subprocess_exec(
            "bash",
            "--noprofile",
            "--norc",
            cwd=self._folder,
            env=self._environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=1 << 24,
            start_new_session=True,  # so that what it starts in the background can be ended with it
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._bash.pid, signal.SIGKILL)
        await self._bash.communicate()

    async def run(self, command: str) -> tuple[int, str]:
        """Exit code and everything that the command prints. Raises AssertionError when it does not end."""
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        mark = uuid.uuid4().hex
        self._bash.stdin.write(f"{{ {command}\n}} </dev/null 2>&1; printf '\\n%s %d\\n' {mark} $?\n".encode())
        try:
            async with asyncio.timeout(SECONDS):
                output = (await self._bash.stdout.readuntil(f"\n{mark} ".encode())).decode()
                code = int(await self._bash.stdout.readline())
        except (TimeoutError, asyncio.IncompleteReadError) as error:
            raise AssertionError(f"`{command}` did not end within {SECONDS:g} s, or ended the shell") from error
        return code, output.removesuffix(f"\n{mark} ")

    async def run_in_background(self, command: str) -> Path:
        """Start a command that goes on until the shell ends; answers the file that it prints into."""
        self._background += 1
        log = self._folder / f"background-{self._background}.log"
        log.touch()
        code, output = await self.run(f"{{ {command}\n}} >{log} 2>&1 &")
        assert code == 0, output
        return log
