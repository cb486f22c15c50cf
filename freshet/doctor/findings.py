"""What an examination finds, and how its checks are run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from freshet.schemas.errors import FreshetError, OutsideError

CHECK_SECONDS: Final = 5.0
_LAST_GRACE: Final = 0.5  # for a client that is cancelled and still wants to close its connections


class Mark(StrEnum):
    """How a part is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was found of a part, and what to do about it."""

    part: str
    mark: Mark
    found: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """Finds something out about `part` within so many seconds; whatever it raises is a finding too.

    It runs when the parts in `needs` were found to work, and when those in `waits` were looked at, however they are.
    """

    part: str
    run: Callable[[], Awaitable[Sequence[Finding]]]
    seconds: float = CHECK_SECONDS
    needs: tuple[str, ...] = ()
    waits: tuple[str, ...] = ()


_Tasks = Mapping[str, "asyncio.Task[Sequence[Finding]]"]


async def examine(checks: Sequence[Check]) -> AsyncIterator[Finding]:
    """Run all at once and give what they find in their order, each as soon as those before it are there."""
    tasks: dict[str, asyncio.Task[Sequence[Finding]]] = {}
    for check in checks:
        tasks[check.part] = asyncio.create_task(_after_others(check, tasks))
    try:
        for task in tasks.values():
            for finding in await task:
                yield finding
    finally:
        for task in tasks.values():
            task.cancel()


async def _after_others(check: Check, tasks: _Tasks) -> Sequence[Finding]:
    if others := [tasks[part] for part in check.needs + check.waits]:
        await asyncio.wait(others)
    for part in check.needs:
        if any(each.mark in (Mark.FAIL, Mark.NOT_CHECKED) for each in tasks[part].result()):
            return [Finding(check.part, Mark.NOT_CHECKED, f"because of {part}, see above")]
    return await _in_time(check)


async def _in_time(check: Check) -> Sequence[Finding]:
    """What the check finds. One that does not even end when it is cancelled is left behind."""
    running = asyncio.ensure_future(check.run())
    try:
        await asyncio.wait({running}, timeout=check.seconds)
        if running.done():
            return running.result()
        return [Finding(check.part, Mark.FAIL, f"no answer within {check.seconds:g} s")]
    except OutsideError as error:
        return [Finding(check.part, Mark.FAIL, f"{error.operation}: {error.message}", error.hint)]
    except FreshetError as error:
        return [Finding(check.part, Mark.FAIL, str(error))]
    except Exception as error:  # noqa: BLE001 (whatever is broken, the other checks are still told)
        return [Finding(check.part, Mark.FAIL, f"{type(error).__name__}: {error}")]
    finally:
        running.cancel()
        await asyncio.wait({running}, timeout=_LAST_GRACE)
