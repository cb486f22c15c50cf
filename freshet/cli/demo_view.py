"""The demo as people see it: a few lines that are kept current on a terminal, lines now and then elsewhere."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final, Protocol, Self

from freshet.cli.output import counted, print_line, warn

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console, RenderableType

    from freshet.cli.demo_state import State
    from freshet.cli.progress import Pace

LOOK_SECONDS: Final = 0.25
TELL_SECONDS: Final = 5.0
BAR_WIDTH: Final = 30
NAME_WIDTH: Final = 16


class View(AbstractContextManager["View"], Protocol):
    """Shows a state for as long as it is open."""

    def show(self, state: State) -> None:
        """Show how things stand now."""

    def say(self, text: str) -> None:
        """Tell something in passing."""

    def announce(self, text: str) -> None:
        """Tell what people and programs wait for, on standard output."""


def open_view() -> View:
    """What suits the standard streams."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    if console.is_terminal and not console.is_dumb_terminal:
        return LiveView(console)
    return LineView()


async def keep_showing(view: View, state: State) -> None:
    """Until cancelled."""
    while True:
        view.show(state)
        await asyncio.sleep(LOOK_SECONDS)


class LineView:
    """Progress as lines on stderr."""

    def __init__(self) -> None:
        self._told = time.monotonic()
        self._is_started = self._is_indexed = False

    def __enter__(self) -> Self:
        warn("starting Kafka, the index engine, the worker and the search service")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def say(self, text: str) -> None:
        warn(text)

    def announce(self, text: str) -> None:
        print_line(text)
        sys.stdout.flush()

    def show(self, state: State) -> None:
        if state.is_started and not self._is_started:
            self._is_started = True
            warn(started(state))
        if self._is_indexed or not state.indexing.total:
            self._told = time.monotonic()
            return
        if state.is_indexed:
            self._is_indexed = True
            warn(indexed(state.indexing))
        elif time.monotonic() - self._told > TELL_SECONDS:
            self._told = time.monotonic()
            warn(f"indexed {progress(state.indexing)}")


class LiveView:
    """Some lines at the bottom of a terminal; what is said stands above them, where it can be copied in peace."""

    def __init__(self, console: Console) -> None:
        from rich.live import Live

        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=True, redirect_stdout=sys.stdout.isatty())
        self._is_started = self._is_indexed = False
        self._shown = ""

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def say(self, text: str) -> None:
        from rich.text import Text

        self._console.print(Text(text, style="dim"), soft_wrap=True)

    def announce(self, text: str) -> None:
        if sys.stdout.isatty():
            self._console.print(text, markup=False, soft_wrap=True)
        else:
            sys.__stdout__.write(f"{text}\n")  # type: ignore[union-attr]
            sys.__stdout__.flush()  # type: ignore[union-attr]

    def show(self, state: State) -> None:
        if state.is_started and not self._is_started:
            self._is_started = True
            self.say(started(state))
        if state.is_indexed and not self._is_indexed:
            self._is_indexed = True
            if state.indexing.total:
                self.say(indexed(state.indexing))
        lines = starting_lines(state) if not state.is_started else serving_lines(state)
        shown = "\n".join(lines)
        if shown != self._shown:  # a terminal that is not written to can be read, and copied from
            self._shown = shown
            self._live.update(self._rendered(lines), refresh=True)

    def _rendered(self, lines: list[str]) -> RenderableType:
        from rich.text import Text

        return Text("\n" + "\n".join(lines), no_wrap=True, overflow="ellipsis")


def starting_lines(state: State) -> list[str]:
    """A line a part."""
    lines = []
    for each in state.starts:
        doing = "waiting" if each.seconds is None else "ready" if each.is_ready else "starting"
        lines.append(f"  {each.name:<{NAME_WIDTH}}{doing:<10}{_seconds(each.seconds)}".rstrip())
    return lines


def serving_lines(state: State) -> list[str]:
    """How far indexing has come, and how fresh the index is."""
    lines = []
    if not state.is_published and state.publishing.total:
        lines.append(f"  publishing  {_bar(state.publishing)}  {progress(state.publishing)}")
    elif not state.is_indexed and state.indexing.total:
        lines.append(f"  indexing  {_bar(state.indexing)}  {progress(state.indexing)}")
    elif not state.is_published:
        lines.append(f"  reading {state.corpus}")
    if figures := _figures(state):
        lines.append(f"  {figures}")
    if state.trouble:
        lines.append(f"  waiting: {state.trouble}")
    return [*lines, "  Ctrl-C ends it"]


def _figures(state: State) -> str:
    behind = None if state.behind is None else f"{counted(state.behind, 'event')} behind"
    documents = None if state.documents is None else counted(state.documents, "document")
    fresh = None if state.freshness is None else f"found {state.freshness:.1f} s after the event"
    changed = None if state.changed_at is None else f"last change {state.changed_at.astimezone():%H:%M:%S}"
    return " · ".join(each for each in (documents, behind, fresh, changed) if each)


def started(state: State) -> str:
    return "ready: " + ", ".join(f"{each.name} {_seconds(each.seconds)}" for each in state.starts)


def indexed(pace: Pace) -> str:
    return f"indexed {counted(pace.total, 'event')} in {pace.seconds:.1f} s ({pace.total / pace.seconds:,.0f}/s)"


def progress(pace: Pace) -> str:
    """`3,524 of 5,386 (137/s, 14 s left)`"""
    left = "" if pace.seconds_left is None else f", {pace.seconds_left:.0f} s left"
    return f"{pace.done:,} of {pace.total:,} ({pace.rate:,.0f}/s{left})"


def _bar(pace: Pace) -> str:
    full = round(BAR_WIDTH * pace.done / pace.total)
    return "━" * full + "·" * (BAR_WIDTH - full)


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.1f} s"
