"""The port to answers that processes share, and what a search hands over to be kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from freshet.search.asking import Asked
from freshet.search.feed.mark import Mark
from freshet.search.live import LiveVersion
from freshet.search.results.entry import Content, Searched


class SharedResults(Protocol):
    """Answers that processes share. Without it there are misses, never errors.

    Values are opaque bytes; keys are hex digests.
    """

    async def get(self, key: str) -> bytes | None:
        """What was put under this key, verified to be exactly that; else None."""
        ...

    async def put(self, key: str, value: bytes, *, ttl: float) -> None:
        """Keep it for so many seconds at most."""
        ...

    async def close(self) -> None:
        """Release connections. Idempotent."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Computed:
    """What a search found, and what it takes to know later whether that is still so.

    `searched` tells of each list, of a listing of documents nothing; `met` are the keys of all documents that were come
    across; `settled` is False where the lists say less than the index held.
    """

    content: Content
    statistics: int | None
    searched: tuple[Searched, ...]
    met: frozenset[str]
    settled: bool

    @property
    def keepable(self) -> bool:
        """Whether it is all that there is to say."""
        return self.settled and not self.content.degraded


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """An answer, where in the feed it is known to be true, and whether it was kept from before."""

    content: Content
    mark: Mark
    cached: bool = False


Begin = Callable[[LiveVersion], None]
"""Notes where the process is in the feed; to be called before anything of a version is read for an answer."""

Compute = Callable[[Begin], Awaitable[Computed]]
"""Searches the index. It may begin again, with another version."""

Resolve = Callable[[], Awaitable[LiveVersion]]
"""Finds the version that an answer may be of."""


class Answers(Protocol):
    """Where searches get their answers from."""

    async def answer(
        self, asked: Asked, resolve: Resolve, compute: Compute, *, at_least: Mapping[int, int]
    ) -> Answered:
        """An answer that is true at its mark, and has seen all below `at_least`: watermarks that were reached before.

        It may be one that was kept, of the version that `resolve` tells; else it is what `compute` makes, which works
        in a task that ends when nobody waits for it any more. Raises what both raise.
        """
        ...

    def keeps(self, live: LiveVersion) -> bool:
        """Whether answers of a version are kept now."""
        ...
