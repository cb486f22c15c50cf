"""How far and how fast something goes; a bar with rate and remaining time, on a terminal, and nothing elsewhere."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

Advance = Callable[[int], None]
WINDOW_SECONDS: Final = 10.0
STEADY: Final = 3  # advances, without which a rate tells little


class Pace:
    """How much is done, and how fast it went in the last seconds, or in its last advances where those took longer.

    Some may be done `before` it begins.
    """

    def __init__(self, *, before: int = 0) -> None:
        self.began = time.monotonic()
        self.total = 0
        self.done = before
        self._now = self.began
        self._seen = deque([(self.began, before)])  # the moments at which it had advanced

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    @property
    def rate(self) -> float:
        """A second."""
        then, before = self._seen[0]
        return (self.done - before) / (self._now - then) if self._now > then else 0.0

    @property
    def is_steady(self) -> bool:
        """Whether it has advanced often enough to tell what will be."""
        return len(self._seen) > STEADY

    @property
    def seconds_left(self) -> float | None:
        return (self.total - self.done) / self.rate if self.rate else None

    def at(self, done: int) -> None:
        self._now = time.monotonic()
        if done != self.done:
            self._seen.append((self._now, done))
        self.done = done
        while len(self._seen) > 1 + STEADY and self._seen[1][0] < self._now - WINDOW_SECONDS:
            self._seen.popleft()


@contextmanager
def progress_bar(doing: str, total: int | None) -> Iterator[Advance]:
    """Yields what to call with each advance. Without a total the bar shows count and rate."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    ]
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task: TaskID = bar.add_task(doing, total=total, rate="")

        def advance(count: int) -> None:
            bar.advance(task, count)
            speed = bar.tasks[0].finished_speed or bar.tasks[0].speed
            bar.update(task, rate=f"{speed:,.0f}/s" if speed else "")

        yield advance
