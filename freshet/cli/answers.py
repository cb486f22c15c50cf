"""Queries and their answers at a terminal."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import typer

from freshet.cli.output import warn

if TYPE_CHECKING:
    from freshet.schemas.http import SearchAnswer

PROMPT: Final = "query> "
WIDEST: Final = 100
SNIPPET: Final = 240  # characters
INDENT: Final = "   "


def print_answer(query: str, answer: SearchAnswer) -> None:
    """The results of a query, best first, each with its score and how its best passage begins."""
    found = f"{query}  ({answer.took_ms:.0f} ms)" if answer.results else f"{query}: nothing found"
    typer.echo(typer.style(f"\n{found}\n", dim=True))
    width = min(shutil.get_terminal_size().columns, WIDEST)
    for number, result in enumerate(answer.results, start=1):
        named = "" if result.id == result.title else f"  [{result.id}]"
        title = typer.style(result.title or result.id, bold=True)
        typer.echo(f"{number}. {title}{named}  {result.score:.3f}")
        snippet = textwrap.shorten(result.text, SNIPPET, placeholder=" …")
        typer.echo(textwrap.fill(snippet, width, initial_indent=INDENT, subsequent_indent=INDENT))


async def answer_prompt(url: str) -> None:
    """Answer what is typed until the input ends (Ctrl-D)."""
    from freshet.local.asking import ask
    from freshet.local.processes import LocalPartError

    async with _typed_lines() as lines:
        async for line in lines:
            if query := line.strip():
                try:
                    print_answer(query, await ask(url, query))
                except LocalPartError as error:
                    warn(str(error))


@asynccontextmanager
async def _typed_lines() -> AsyncIterator[AsyncIterator[str]]:
    """Lines from standard input, each asked for with the prompt. No thread waits in a read that nothing can end."""
    loop, stdin = asyncio.get_running_loop(), sys.stdin.fileno()
    readable = asyncio.Event()

    async def lines() -> AsyncIterator[str]:
        while True:
            typer.echo(f"\n{PROMPT}", nl=False)
            await readable.wait()
            readable.clear()
            typed = os.read(stdin, 1 << 16)  # a terminal hands out whole lines
            if not typed:
                return
            for line in typed.decode(errors="replace").splitlines():
                yield line
            loop.add_reader(stdin, on_input)

    def on_input() -> None:
        loop.remove_reader(stdin)
        readable.set()

    loop.add_reader(stdin, on_input)
    try:
        yield lines()
    finally:
        loop.remove_reader(stdin)
        typer.echo()
