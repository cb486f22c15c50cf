"""Questions to a group's coordinator."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from aiokafka.errors import GroupCoordinatorNotAvailableError, GroupLoadInProgressError, NotCoordinatorForGroupError

from freshet.schemas.errors import TransientError
from freshet.streams.kafka.errors import kafka_errors

T = TypeVar("T")
PATIENCE_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.1
_NOT_YET: Final = (GroupCoordinatorNotAvailableError, GroupLoadInProgressError, NotCoordinatorForGroupError)


async def once_there(operation: str, ask: Callable[[], Awaitable[T]]) -> T:
    """The answer of a coordinator, which a cluster that never had a group makes now. Raises as `kafka_errors`."""
    began = time.monotonic()
    while True:
        try:
            with kafka_errors(operation):
                return await ask()
        except TransientError as error:
            if not isinstance(error.__cause__, _NOT_YET) or time.monotonic() - began > PATIENCE_SECONDS:
                raise
        await asyncio.sleep(_POLL_SECONDS)
