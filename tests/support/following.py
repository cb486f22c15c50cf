"""Somebody who follows the change feed, moved by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from freshet.search.feed.base import ChangeSink
from freshet.search.feed.changes import FeedChange
from freshet.search.feed.mark import Mark


@dataclass
class HandFollowing:
    """`Following` over one partition of the feed and of the documents; what is told is told to `sink`."""

    sink: ChangeSink
    identity: str | None = "feed"
    sure: bool = True
    position: int = 0
    watermarks: dict[str, dict[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sink.begin({0: self.position})

    def mark(self, version: str) -> Mark:
        return Mark({0: self.position}, dict(self.watermarks.get(version, {})))

    async def reached(self, version: str, wanted: Mapping[int, int], *, seconds: float) -> bool:  # noqa: ARG002
        told = self.watermarks.get(version, {})
        return all(told.get(partition, 0) >= offset for partition, offset in wanted.items())

    def tell(self, change: FeedChange) -> None:
        """A change is seen, at `position`."""
        self.position += 1
        self.sink.add(change)

    def advance(self, version: str, watermark: int) -> None:
        """A watermark record is seen."""
        self.position += 1
        self.watermarks.setdefault(version, {})[0] = watermark

    def lose(self) -> None:
        """Records were missed, perhaps: begin anew."""
        self.position += 1
        self.sink.begin({0: self.position})
