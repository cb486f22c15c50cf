"""`freshet publish`"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from freshet.cli.output import counted, print_json, print_line, warn
from freshet.cli.progress import Advance, progress_bar
from freshet.cli.running import publisher, run_quietly, settings
from freshet.cli.waiting import WAIT_SECONDS, Searchable, Wait, WaitSeconds, searchable
from freshet.schemas.errors import OutsideError

if TYPE_CHECKING:
    from freshet.cli.sources import Item
    from freshet.schemas.decoding import Rules
    from freshet.schemas.positions import FreshnessToken
    from freshet.streams.publisher import Prepared, Publisher

STDIN: Final = "-"
WINDOW: Final = 500  # events on their way at once; large enough to fill batches, small enough for a lively bar
SHOWN: Final = 20  # refused events told one by one


@dataclass
class Summary:
    """What became of the events."""

    published: int = 0
    bad: list[dict[str, str]] = field(default_factory=list)
    newest: dict[int, FreshnessToken] = field(default_factory=dict)

    def wrote(self, tokens: list[FreshnessToken]) -> None:
        self.published += len(tokens)
        self.newest |= {token.partition: token for token in tokens}


def publish(
    source: Annotated[str, typer.Argument(metavar="FILE.jsonl | FOLDER | -", help="Documents or events to publish.")],
    *,
    tenant: Annotated[str | None, typer.Option(help="Tenant of documents that name none.")] = None,
    wait: Wait = False,
    timeout: WaitSeconds = WAIT_SECONDS,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Publish documents: a JSON object a line, a folder of text files, or - for lines from standard input.

    A line is an event, or a document: {"id": "…", "text": "…"} and, if you like, title, metadata, version. Bad ones
    are reported and the others published; the exit code is 0 when all were good, and searchable in time if you wait.
    """
    given = settings()
    summary, began = Summary(), time.monotonic()
    with ExitStack() as stack:
        items, total = _open(source, stack)
        advance = stack.enter_context(progress_bar("publishing", total))
        run_quietly(_publish(publisher(given), items, tenant, summary, advance))
    seconds, tokens = time.monotonic() - began, list(summary.newest.values())
    found = run_quietly(searchable(publisher(given), tokens, timeout)) if wait else Searchable()
    _report(summary, seconds, found, json=json)
    found.demand()
    if summary.bad:
        raise typer.Exit(1)


def _open(source: str, stack: ExitStack) -> tuple[Iterator[Item], int | None]:
    """What a source holds, and how many of it where that can be known beforehand."""
    from freshet.cli.sources import from_folder, from_lines

    if source == STDIN:
        return from_lines(sys.stdin.buffer), None
    path = Path(source)
    if path.is_dir():
        found = list(from_folder(path))
        return iter(found), len(found)
    try:
        with path.open("rb") as file:
            total = sum(1 for line in file if line.strip())
        return from_lines(stack.enter_context(path.open("rb"))), total
    except OSError as error:
        raise typer.BadParameter(f"cannot read {source}: {error.strerror}") from error


async def _publish(
    target: Publisher, items: Iterator[Item], tenant: str | None, summary: Summary, advance: Advance
) -> None:
    window: list[Prepared] = []
    async with target:
        for item in items:
            window += _prepared(item, tenant, target.rules, summary)
            if len(window) == WINDOW:
                await _send(target, window, summary, advance)
        await _send(target, window, summary, advance)


async def _send(target: Publisher, window: list[Prepared], summary: Summary, advance: Advance) -> None:
    try:
        summary.wrote(await target.send(window))
    except OutsideError:
        warn(f"published {counted(summary.published, 'event')} and perhaps some more before it failed")
        raise
    advance(len(window))
    window.clear()


def _prepared(item: Item, tenant: str | None, rules: Rules, summary: Summary) -> list[Prepared]:
    from freshet.schemas.decoding import BadEvent
    from freshet.streams.publisher import prepare

    try:
        event: dict[str, Any] = item.read()
        return [prepare({"tenant": tenant, **event} if tenant else event, rules)]
    except BadEvent as error:
        if len(summary.bad) < SHOWN:
            warn(f"{item.where}: {error} ({error.reason})")
        told = {"where": item.where, "reason": str(error.reason), "field": error.field, "message": error.message}
        summary.bad.append(told)
        return []


def _report(summary: Summary, seconds: float, found: Searchable, *, json: bool) -> None:
    tokens = [str(token) for _, token in sorted(summary.newest.items())]
    if json:
        figures = {"published": summary.published, "seconds": round(seconds, 3), "tokens": tokens, "bad": summary.bad}
        print_json(figures | found.figures)
        return
    rate = summary.published / seconds if seconds else 0.0
    print_line(f"published {counted(summary.published, 'event')} in {seconds:.1f} s ({rate:,.0f}/s)")
    found.tell()
    if summary.bad:
        more = f", {SHOWN} of them told above" if len(summary.bad) > SHOWN else ""
        warn(f"{counted(len(summary.bad), 'event')} refused{more}")
