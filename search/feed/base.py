"""Following the change feed: what the search service asks of whoever follows, and whom that one tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from freshet.search.feed.changes import FeedChange
from freshet.search.feed.mark import Mark


class Following(Protocol):
    """How far this process has come in the change feed. Nothing here raises, and only `reached` waits."""

    @property
    def identity(self) -> str | None:
        """A digest of Kafka's cluster and of the feed's topic by their ids; None before it is known.

        Offsets of the feed mean something only beside it.
        """
        ...

    @property
    def sure(self) -> bool:
        """Whether it follows now. Where it is False nothing may be served from a cache."""
        ...

    def mark(self, version: str) -> Mark:
        """Where it is now, for an index version. Who notes it before reading the index has read all that it says."""
        ...

    async def reached(self, version: str, wanted: Mapping[int, int], *, seconds: float) -> bool:
        """Whether the version's watermarks are at `wanted`, by partition, or above; waits for it up to `seconds`."""
        ...


class ChangeSink(Protocol):
    """Whom the changes are told as they are seen. Both calls are made within one instant of the event loop."""

    def begin(self, positions: Mapping[int, int]) -> None:
        """Begin anew: of what lies below `positions`, by partition of the feed, anything may have been missed."""
        ...

    def add(self, change: FeedChange) -> None:
        """The next change of its partition. A mark that is taken from now on lies above it."""
        ...


class Several:
    """`ChangeSink` for several, in their order."""

    def __init__(self, sinks: Sequence[ChangeSink]) -> None:
        self._sinks = sinks

    def begin(self, positions: Mapping[int, int]) -> None:
        """As `ChangeSink.begin`."""
        for sink in self._sinks:
            sink.begin(positions)

    def add(self, change: FeedChange) -> None:
        """As `ChangeSink.add`."""
        for sink in self._sinks:
            sink.add(change)


class NoSink:
    """`ChangeSink` where nobody wants to hear of changes."""

    def begin(self, positions: Mapping[int, int]) -> None:
        del positions

    def add(self, change: FeedChange) -> None:
        del change
