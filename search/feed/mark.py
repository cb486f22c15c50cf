"""Where a process is in the change feed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mark:
    """What has been seen of the feed, and how far one index version was then: both of the same instant.

    `positions` are by partition of the feed: what lies below has been seen. `watermarks` are by partition of the
    documents topic: every event below is in the version, and its change was announced below `positions`. A partition
    of which nothing is known has none.
    """

    positions: Mapping[int, int]
    watermarks: Mapping[int, int]
