"""Whether the parts of a process work, found out by trying them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from freshet.schemas.errors import FreshetError
from freshet.schemas.http import CheckResult, Health

Check = Callable[[], Awaitable[object]]
"""Tries one part: returns when it works, raises when it does not."""

CHECK_SECONDS = 3.0

logger = logging.getLogger(__name__)


async def run_checks(checks: Mapping[str, Check], *, seconds: float = CHECK_SECONDS) -> Health:
    """Try all parts at once, each for at most so long; those that there are when it begins."""
    checks = dict(checks)
    results = await asyncio.gather(*(_run(name, check, seconds) for name, check in checks.items()))
    found = dict(zip(checks, results, strict=True))
    return Health(status="healthy" if all(result.ok for result in results) else "unhealthy", checks=found)


async def _run(name: str, check: Check, seconds: float) -> CheckResult:
    try:
        async with asyncio.timeout(seconds) as timer:
            await check()
    except FreshetError as error:
        return CheckResult(ok=False, error=str(error))
    except Exception as error:  # a probe must answer, whatever is broken
        if isinstance(error, TimeoutError) and timer.expired():
            return CheckResult(ok=False, error=f"no answer within {seconds:g} s")
        logger.exception("check failed", extra={"action": "check_failed", "check": name})
        return CheckResult(ok=False, error=type(error).__name__)
    return CheckResult(ok=True)
