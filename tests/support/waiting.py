"""Waiting for what must come true, instead of sleeping and hoping."""

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import Any

FIRST_PAUSE = 0.005
LONGEST_PAUSE = 0.2


async def wait_until(condition: Callable[[], Any], what: str = "", *, deadline: float = 30.0) -> Any:
    """Poll `condition` (plain or async) until it is true and return its value; fail after `deadline` seconds.

    `what` says in words what is waited for ("the document is searchable"). An `AssertionError` of the condition means
    "not yet"; the last one, or the last value, is shown when time is up.
    """
    end = time.monotonic() + deadline
    pause = FIRST_PAUSE
    while True:
        seen, problem = await _look(condition)
        if problem is None and seen:
            return seen
        if time.monotonic() >= end:
            name = what or getattr(condition, "__name__", repr(condition))
            last = f"it still fails with: {problem}" if problem else f"the last value was {seen!r}"
            raise AssertionError(f"not within {deadline:g} s: {name}; {last}") from problem
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)


async def _look(condition: Callable[[], Any]) -> tuple[Any, AssertionError | None]:
    try:
        seen = condition()
        return (await seen if inspect.isawaitable(seen) else seen), None
    except AssertionError as problem:
        return None, problem
