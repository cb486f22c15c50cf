"""How far a group is with a log that goes on, told from its lags alone: pure arithmetic.

The times of events play no part: an upstream that publishes what is years old is not years behind.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from freshet.streams.lag import PartitionLag

Ends = Mapping[tuple[str, int], int]  # by topic and partition, the offset of the next record


@dataclass(frozen=True, slots=True)
class Counted:
    """Events of the log, and how many of them are done; offsets, an upper bound where compaction removed some."""

    total: int
    done: int

    @property
    def left(self) -> int:
        return self.total - self.done


def counted(lags: Iterable[PartitionLag]) -> Counted:
    """All partitions together."""
    lags = list(lags)
    total = sum(each.end - each.begin for each in lags)
    return Counted(total, total - sum(each.events for each in lags))


def ends(lags: Iterable[PartitionLag]) -> Ends:
    """Where the log ended when these were measured."""
    return {(each.topic, each.partition): each.end for each in lags}


def is_behind(lags: Iterable[PartitionLag], wanted: Ends) -> bool:
    """Whether something that lay below these ends is not done."""
    return any(each.events and each.end - each.events < wanted.get((each.topic, each.partition), 0) for each in lags)


class Trail:
    """Tells of a group that is looked at again and again whether it has not done what came `seconds` ago."""

    def __init__(self, *, seconds: float) -> None:
        self._seconds = seconds
        self._seen: deque[tuple[float, Ends]] = deque()

    def saw(self, now: float, lags: Iterable[PartitionLag]) -> bool:
        """Take note of its lags at `now`, in seconds; whether it is behind by so much."""
        lags = list(lags)
        self._seen.append((now, ends(lags)))
        while len(self._seen) > 1 and self._seen[1][0] <= now - self._seconds:
            self._seen.popleft()
        then, before = self._seen[0]
        return then <= now - self._seconds and is_behind(lags, before)
