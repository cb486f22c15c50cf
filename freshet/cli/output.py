"""What commands print: tables for people, JSON for programs."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

UNBROKEN: Final = 500
_NOT_PLAIN: Final = re.compile(r"[^ -~]")


def print_json(value: Any) -> None:
    """JSON, with what could command a terminal escaped."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    sys.stdout.write(_escaped(text, lambda character: json.dumps(character)[1:-1], kept="\n") + "\n")


def print_line(text: str) -> None:
    sys.stdout.write(text + "\n")


def warn(text: str) -> None:
    """A line on stderr beside the output."""
    sys.stderr.write(text + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Iterable[str] = ()) -> None:
    """A table; the columns in `right` hold numbers.

    A paragraph for each row where a terminal is too narrow for the words, which may be names that somebody copies.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    texts = [tuple(str(cell) for cell in row) for row in rows]
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    numbers = set(right)
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    for row in texts:
        table.add_row(*row)
    width = None if sys.stdout.isatty() else UNBROKEN  # what is piped on has its lines whole
    console = Console(markup=False, highlight=False, emoji=False, width=width)
    if console.measure(table, options=console.options.update_width(UNBROKEN)).minimum > console.width:
        _print_paragraphs(columns, texts)
    else:
        console.print(table)


def _print_paragraphs(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    names = max(map(len, columns))
    for first, *others in rows:
        print_line(f"\n{first}")
        for name, cell in zip(columns[1:], others, strict=True):
            print_line(f"  {name:<{names}}  {cell}")
    print_line("")


def counted(number: int, noun: str) -> str:
    """`1 event`, `2,000 events`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def printable(text: str, *, kept: str = "") -> str:
    """Text of others, with what could command a terminal or hide in it escaped, but for characters in `kept`."""
    return _escaped(text, lambda character: character.encode("unicode_escape").decode("ascii"), kept=kept)


def shortened(text: str, most: int) -> str:
    """The text, or its beginning and an ellipsis where it has more characters than `most`."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _escaped(text: str, escape: Callable[[str], str], *, kept: str) -> str:
    def told(found: re.Match[str]) -> str:
        return found[0] if found[0].isprintable() or found[0] in kept else escape(found[0])

    return _NOT_PLAIN.sub(told, text)
