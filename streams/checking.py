"""Holding the index against the log again and again, for as long as one has it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from freshet.schemas.errors import OutsideError
from freshet.streams.comparing import Kind
from freshet.streams.verifying import Found

_HOUR: Final = 3_600.0
logger = logging.getLogger(__name__)


async def keep_checking(
    verify: Callable[[], Awaitable[Found]],
    *,
    hours: float | None,
    drifted: Callable[[Mapping[Kind, int]], None],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Verify every so many hours, until cancelled; never without `hours`. `drifted` is told what was found.

    One try each time: what is away then is looked at the next time.
    """
    while hours is not None:
        await sleep(hours * _HOUR)
        try:
            found = await verify()
        except OutsideError as error:
            logger.warning("the index could not be held against the log this time: %s", error)
        except Exception:
            logger.exception("the index could not be held against the log this time")
        else:
            drifted(found.kinds)
            _tell(found)


def _tell(found: Found) -> None:
    if found.differing:
        first = "; ".join(f"{each.kind.value}: {each.key!r}" for each in found.first[:3])
        logger.warning(
            "the index differs from the log in %s of %s documents (%s); see: freshet verify",
            found.differing,
            found.documents,
            first,
        )
    else:
        logger.info("the index equals the log in %s documents", found.documents)
