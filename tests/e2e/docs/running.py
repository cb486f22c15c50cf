"""Runs the blocks of a page, from its first to its last."""

import ast
import asyncio
import contextlib
import inspect
from pathlib import Path
from typing import Any

from tests.e2e.docs.blocks import Block
from tests.e2e.docs.console import Step, steps
from tests.e2e.docs.data import CHECKS
from tests.e2e.docs.expect import as_shown
from tests.e2e.docs.shell import Shell
from tests.e2e.docs.world import World
from tests.support.waiting import wait_until

FILE = "file: "  # a block under <!-- file: bridge.py --> is what this file holds
SECONDS = 60.0


class Reader:
    """Somebody who does what a page says, in a folder of their own."""

    def __init__(self, world: World, folder: Path, shell: Shell) -> None:
        self._world = world
        self._folder = folder
        self._shell = shell
        self._python: dict[str, Any] = {"__name__": "__main__"}
        self._logs: list[Path] = []

    async def follow(self, block: Block) -> None:
        """Do what a block says. Raises AssertionError that names its line."""
        try:
            await self._follow(block)
        except Exception as error:
            logs = "".join(f"\n{log.name}:\n{log.read_text()}" for log in self._logs)
            raise AssertionError(f"{block.place}: {type(error).__name__}: {error}{logs}") from error

    async def _follow(self, block: Block) -> None:
        check = CHECKS.get(block.language)
        if block.marker.startswith(FILE):
            (self._folder / block.marker.removeprefix(FILE)).write_text(self._world.here(block.text) + "\n")
        elif block.language == "console":
            for step in steps(block.text):
                await self._do(step)
        elif block.language == "python":
            await self._run(block)
        elif check is None:
            raise AssertionError(f"nobody knows what to do with a block of {block.language or 'no language'}")
        if check is not None:
            check(block)

    async def _do(self, step: Step) -> None:
        command = self._world.here(step.command)
        if step.runs_forever:
            await self._leave_running(command, step.output)
            return

        async def done() -> bool:
            code, output = await self._shell.run(command)
            printed = self._world.as_shown(output)
            assert code == step.exit_code, f"`{step.command}` ended with {code}:\n{printed}"
            assert not step.output or as_shown(step.output, printed), (
                f"`{step.command}` printed\n{printed}\nand the page shows\n{step.output}"
            )
            return True

        if step.only_reads:
            await wait_until(done, step.command)
        else:
            await done()

    async def _leave_running(self, command: str, shown: str) -> None:
        log = await self._shell.run_in_background(command)
        self._logs.append(log)
        if shown:
            await wait_until(lambda: as_shown(f"…{shown}…", self._world.as_shown(log.read_text())), shown)

    async def finish(self) -> None:
        """Raise AssertionError where a command that runs until Ctrl-C has ended before."""
        _, running = await self._shell.run("jobs -r | wc -l")
        logs = "\n".join(log.read_text() for log in self._logs)
        assert int(running) == len(self._logs), f"a command that runs until Ctrl-C has ended:\n{logs}"

    async def _run(self, block: Block) -> None:
        """A block of Python, as in a session: what one block names is there in the next; `await` works anywhere."""
        source = "\n" * (block.line - 1) + self._world.here(block.text)
        code = compile(source, block.page, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        with contextlib.chdir(self._folder):
            async with asyncio.timeout(SECONDS):
                result = eval(code, self._python)
                if inspect.isawaitable(result):
                    await result
