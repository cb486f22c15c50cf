"""What the live index holds, and waiting until it changes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Final

from freshet.schemas.errors import DeniedError, PermanentError
from freshet.search.index.base import IndexReader
from freshet.search.index.records import LedgerRecord
from freshet.search.live import LiveIndex, LiveVersion

LOOK_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class Facts:
    """What the index of this name holds.

    `newest_event_at` is the event time of the state that became searchable last, `changed_at` the moment when it did:
    None while the index is empty, and where the version was made before this could be asked.
    """

    index: str
    version: str
    documents: int
    newest_event_at: datetime | None
    changed_at: datetime | None


class IndexWatch:
    """Tells what the live index holds. Safe to call from several tasks at once.

    However many wait for a change, the index is looked at once in `LOOK_SECONDS`, and not at all while nobody waits;
    those who wait for a tenant's look at its documents once more when anything has changed.
    """

    def __init__(
        self,
        *,
        name: str,
        index: LiveIndex,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._name = name
        self._index = index
        self._clock = clock
        self._sleep = sleep
        self._next: asyncio.Task[_Sight] | None = None
        self._waiting = 0
        self._ended = False

    async def facts(self, *, after: datetime | None = None, seconds: float = 0.0, tenant: str | None = None) -> Facts:
        """The facts as soon as `changed_at` is not `after`, or another version is live; at the latest after `seconds`.

        Of one tenant, or of all together. A wait may last one look longer. Raises what the index raises, also while it
        is being waited for.
        """
        end = self._clock() + seconds
        whole = await self._look()
        first = seen = await _part(whole, tenant)
        while first.changed_at == after and seen.same_as(first) and self._clock() < end and not self._ended:
            before, whole = whole, await self._next_look()
            if not whole.same_as(before):  # else nobody's documents have changed, and no tenant's need be looked at
                seen = await _part(whole, tenant)
        return await self._index.use(partial(self._told, seen, tenant), of=seen.live)

    def end(self) -> None:
        """Let everybody who waits have what the next look sees; from now on nobody waits."""
        self._ended = True

    async def _told(self, seen: _Sight, tenant: str | None, live: LiveVersion) -> Facts:
        if live is not seen.live:
            seen = _Sight(live, await _newest(live.reader, tenant))
        documents = await live.reader.count(tenant=tenant)
        return Facts(self._name, live.name, documents, seen.newest_event_at, seen.changed_at)

    async def _next_look(self) -> _Sight:
        if self._next is None or self._next.done():
            self._next = asyncio.create_task(self._pause_and_look())
        self._waiting += 1
        try:
            return await asyncio.shield(self._next)
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._next.cancel()
                self._next = None

    async def _pause_and_look(self) -> _Sight:
        await self._sleep(LOOK_SECONDS)
        return await self._look()

    async def _look(self) -> _Sight:
        return await self._index.use(_sight)


@dataclass(frozen=True, slots=True)
class _Sight:
    """What one look has seen."""

    live: LiveVersion
    newest: LedgerRecord | None

    @property
    def newest_event_at(self) -> datetime | None:
        return None if self.newest is None else _moment(self.newest.event_time)

    @property
    def changed_at(self) -> datetime | None:
        return None if self.newest is None else _moment(self.newest.searchable_at)

    def same_as(self, other: _Sight) -> bool:
        return (self.live.name, self.changed_at) == (other.live.name, other.changed_at)


async def _sight(live: LiveVersion) -> _Sight:
    return _Sight(live, await _newest(live.reader))


async def _part(whole: _Sight, tenant: str | None) -> _Sight:
    """What a look at one tenant's documents sees; of no tenant in particular, what has been seen of all."""
    return whole if tenant is None else _Sight(whole.live, await _newest(whole.live.reader, tenant))


async def _newest(reader: IndexReader, tenant: str | None = None) -> LedgerRecord | None:
    try:
        return await reader.newest(tenant=tenant)
    except DeniedError:
        raise
    except PermanentError:  # the version lacks the payload index: a worker adds it when it starts
        return None


def _moment(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):  # an event may name a time that no calendar has
        return None
