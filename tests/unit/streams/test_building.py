"""How far a group is, told from its lags."""

from __future__ import annotations

from dataclasses import replace

from freshet.streams.building import Counted, Trail, counted, ends, is_behind
from freshet.streams.lag import PartitionLag


def lag(events: int, *, begin: int = 0, end: int = 100, partition: int = 0, topic: str = "documents") -> PartitionLag:
    return PartitionLag(topic, partition, "g", begin, None, end, events, 1e9)


def test_what_is_done_of_all_partitions_counts_from_where_the_log_begins() -> None:
    found = counted([lag(30), lag(0, begin=90, partition=1), lag(5, end=5, topic="documents.again")])
    assert (found, found.left) == (Counted(total=115, done=80), 35)


def test_a_group_is_behind_while_anything_below_is_not_done() -> None:
    wanted = ends([lag(0), lag(0, partition=1)])
    assert not is_behind([lag(0), lag(0, partition=1)], wanted)
    assert is_behind([lag(0), lag(1, partition=1)], wanted)
    assert not is_behind([lag(5, end=105), lag(7, end=107, partition=1)], wanted)  # all of that came later
    assert is_behind([lag(6, end=105), lag(7, end=107, partition=1)], wanted)


def test_what_compaction_took_from_the_end_of_a_partition_keeps_nobody_behind() -> None:
    """Its committed offset never gets there, and no event waits."""
    assert not is_behind([replace(lag(0), committed=90)], ends([lag(0)]))


def test_who_keeps_up_with_a_steady_stream_is_not_behind_however_old_its_events_are() -> None:
    trail = Trail(seconds=5)
    assert not any(trail.saw(float(now), [lag(20, end=100 + 10 * now)]) for now in range(30))


def test_who_has_not_done_what_came_so_long_ago_is_behind_until_it_has() -> None:
    trail, done = Trail(seconds=5), 100
    told = {now: trail.saw(float(now), [lag(100 + now - done, end=100 + now)]) for now in range(12)}
    assert [now for now, behind in told.items() if behind] == list(range(6, 12))  # the first came at 1 s
    assert not trail.saw(12.0, [lag(2, end=112)])
