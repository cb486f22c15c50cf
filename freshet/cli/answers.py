"""Answers as people read them."""

from __future__ import annotations

import shutil
import textwrap
from typing import TYPE_CHECKING, Final

import typer

if TYPE_CHECKING:
    from freshet.schemas.http import SearchAnswer

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
