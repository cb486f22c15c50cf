"""An announcer as tests need it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from freshet.schemas.topics import Topics
from freshet.streams.announcing import Announcer, Sink
from freshet.streams.telling import States
from tests.support.memory_index import MemoryIndex, Points


def announcer_to(
    sink: Sink,
    index: States | None = None,
    *,
    topics: Topics | None = None,
    clock: Callable[[], float] = lambda: 0.0,
    live: bool = False,
    built_to: Mapping[int, int] | None = None,
) -> Announcer:
    """What says to `sink` what becomes of the version docs__1; without an `index` of one that holds nothing."""
    return Announcer(
        sink=sink,
        index=index or MemoryIndex(Points()),
        topics=topics or Topics(),
        version="docs__1",
        live=lambda: live,
        clock=clock,
        built_to=built_to,
    )
