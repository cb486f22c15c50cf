"""A build as people and programs see it: a bar on a terminal, lines now and then elsewhere, or lines of JSON."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final, Self

from freshet.cli.output import counted, warn
from freshet.cli.progress import Pace

if TYPE_CHECKING:
    from types import TracebackType

    from freshet.wiring.building import Build, Seen

LOOK_SECONDS: Final = 0.5
TELL_SECONDS: Final = 10.0
STILL_SECONDS: Final = 3_600.0  # between two lines that say the same
NEXT: Final = "make it live with: freshet promote"
LIMITED: Final = "limited"
SLOWEST, FAST = 0.05, 10  # events a second: below the one they are told as none, from the other on without fractions
WORKER: Final = "freshet worker"
LIVE: Final = "is live now; a worker with these settings can take over: freshet worker"


def open_view(*, json: bool) -> View:
    """What suits the standard streams."""
    if json:
        return JsonView()
    return BarView() if sys.stderr.isatty() else View()


async def keep_showing(view: View, build: Build) -> None:
    """Until cancelled."""
    while True:
        if (seen := build.seen) is not None:
            view.show(seen)
        await asyncio.sleep(LOOK_SECONDS)


class View(AbstractContextManager["View"]):
    """Lines: what happens on standard output, and every ten seconds how far it is on stderr, where that has changed."""

    def __init__(self) -> None:
        self._pace: Pace | None = None
        self._seen: Seen | None = None
        self._is_dropped = False
        self._told = time.monotonic()
        self._standing: tuple[object, ...] = ()
        self._is_built = self._is_live = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def show(self, seen: Seen) -> None:
        """Show how things stand now, and say what has come true since."""
        self._seen = seen
        if self._pace is None or _rests(seen):  # what it does not do then tells nothing of how fast it goes
            self._pace = Pace(before=seen.counted.done)
        self._pace.total = seen.counted.total
        self._pace.at(seen.counted.done)
        self._progress(seen, self._pace)
        if seen.is_built and not self._is_built:
            self._is_built = True
            self.say("built", f"{seen.version} has caught up with the log; {NEXT}", version=seen.version)
        if seen.is_live and not self._is_live:
            self._is_live = True
            self.say("live", f"{seen.version} {LIVE}", version=seen.version)

    def dropped(self, why: str) -> None:
        """Say that there is nothing to build any more."""
        self._is_dropped = True
        self.say("dropped", why)

    def end(self) -> bool:
        """Whether it has come to its end: it had caught up, or was dropped. Says what is left otherwise."""
        seen = self._seen
        if self._is_dropped or (seen is not None and seen.has_caught_up):
            return True
        if seen is None:
            self.say("unfinished", "not finished; the same command goes on")
        else:
            done, total, command = seen.counted.done, seen.counted.total, WORKER if seen.is_live else "the same command"
            text = f"not finished: {done:,} of {total:,} events; {command} goes on"
            self.say("unfinished", text, version=seen.version, done=done, total=total)
        return False

    def say(self, event: str, text: str, **_facts: Any) -> None:
        """Tell what people wait for; programs know it by the name of the event."""
        del event
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()

    def _progress(self, seen: Seen, pace: Pace) -> None:
        now, standing = time.monotonic(), (pace.done, pace.total, seen.held if seen.counted.left else None)
        if now - self._told >= (STILL_SECONDS if standing == self._standing else TELL_SECONDS):
            self._told, self._standing = now, standing
            warn(f"{pace.done:,} of {pace.total:,} events · {figures(seen, pace)}")


class JsonView(View):
    """Each line is an object whose `event` says what it is: progress, built, live, dropped or unfinished."""

    _last: Seen | None = None

    def say(self, event: str, text: str, **facts: Any) -> None:
        self._print({"event": event, **facts, "message": text})

    def _progress(self, seen: Seen, pace: Pace) -> None:
        if self._last == seen:
            return
        self._last, left = seen, _seconds_left(seen, pace)
        self._print(
            {
                "event": "progress",
                "version": seen.version,
                "done": pace.done,
                "total": pace.total,
                "left": seen.counted.left,
                "events_per_second": round(pace.rate, 1),
                "seconds_left": None if left is None else round(left, 1),
                "lag_seconds": round(seen.seconds, 1),
                "limit": seen.limit,
                "held": seen.held,
            }
        )

    def _print(self, value: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(value) + "\n")
        sys.stdout.flush()


class BarView(View):
    """A bar at the bottom of a terminal; the log and what is said stand above it."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        super().__init__()
        columns = [TextColumn("building"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}")]
        self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task("waiting for Kafka, Qdrant and the model", total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def say(self, event: str, text: str, **_facts: Any) -> None:
        del event
        self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _progress(self, seen: Seen, pace: Pace) -> None:
        self._bar.update(self._task, completed=pace.done, total=pace.total, description=figures(seen, pace))


def figures(seen: Seen, pace: Pace) -> str:
    """`137/s · 14 s left · 1,862 events behind · paused`"""
    rate = f"{pace.rate:,.{0 if pace.rate >= FAST else 1}f}/s" if pace.rate >= SLOWEST else ""
    seconds = _seconds_left(seen, pace)
    left = "" if seconds is None else f"{_duration(seconds)} left"
    behind = f"{counted(seen.counted.left, 'event')} behind" if seen.counted.left else "caught up"
    held = "" if seen.held is None or not seen.counted.left else _held(seen)
    return " · ".join(each for each in (rate, left, behind, held) if each)


def _seconds_left(seen: Seen, pace: Pace) -> float | None:
    """None where nobody can tell."""
    return pace.seconds_left if seen.counted.left and pace.is_steady else None


def _rests(seen: Seen) -> bool:
    return seen.held not in (None, LIMITED)


def _held(seen: Seen) -> str:
    if seen.held == LIMITED:
        return f"at most {seen.limit:,g}/s"
    return str(seen.held) if seen.held in ("paused", "starting") else f"resting: {seen.held}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
