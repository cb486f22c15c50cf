"""What the ring gives back is all that was told since, or nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.schemas.feed import Fields
from freshet.search.feed.changes import FeedChange, Scored
from freshet.search.feed.ring import Changes, Ring
from freshet.search.sparse import SparseVector

TERMS = SparseVector.of({1: 1.0, 7: 0.5})


def change(
    offset: int, *, partition: int = 0, version: str = "v", passages: int | None = 1, size: int = 4, key: str = ""
) -> FeedChange:
    scored = None
    if passages is not None:
        vectors = np.full((passages, size), offset, np.float32) if passages else np.zeros((0, 0), np.float32)
        scored = Scored(vectors, (TERMS,) * passages)
    after = Fields(present=True, metadata={"n": offset})
    return FeedChange(partition, offset, version, key or f"{partition}-{offset}", None, None, after, scored, 0.25)


def keys(changes: Changes | None) -> list[str]:
    assert changes is not None
    return sorted(key for stretch in changes.stretches for key in stretch.keys)


def ring_of(*changes: FeedChange, max_bytes: int = 1 << 22, positions: dict[int, int] | None = None) -> Ring:
    ring = Ring(max_bytes=max_bytes)
    ring.begin(positions or {0: 0, 1: 0})
    for each in changes:
        ring.add(each)
    return ring


def test_it_gives_what_lies_at_the_positions_and_above():
    ring = ring_of(change(0), change(3, partition=1), change(4), change(9, partition=1))
    assert keys(ring.since("v", {0: 0, 1: 0})) == ["0-0", "0-4", "1-3", "1-9"]
    assert keys(ring.since("v", {0: 1, 1: 4})) == ["0-4", "1-9"]
    assert keys(ring.since("v", {0: 5, 1: 10})) == []


def test_changes_of_other_versions_are_theirs_and_a_version_without_any_has_none():
    ring = ring_of(change(0, version="v"), change(1, version="w"))
    assert keys(ring.since("w", {0: 0, 1: 0})) == ["0-1"]
    assert keys(ring.since("x", {0: 0, 1: 0})) == []


@pytest.mark.parametrize("positions", [{0: 4, 1: 5}, {0: 5, 1: 4}, {0: 9}, {0: 9, 1: 9, 2: 9}, {}])
def test_it_says_so_where_something_may_be_unknown(positions: dict[int, int]):
    assert ring_of(change(6), positions={0: 5, 1: 5}).since("v", positions) is None


def test_before_it_has_begun_nothing_is_known():
    assert Ring(max_bytes=1).since("v", {0: 0}) is None


def test_when_the_tail_begins_anew_what_lies_before_is_unknown():
    ring = ring_of(change(0), change(1))
    ring.begin({0: 7, 1: 0})
    assert ring.since("v", {0: 6, 1: 0}) is None
    assert keys(ring.since("v", {0: 7, 1: 0})) == []


def test_a_partition_that_appears_is_known_from_its_first_change_on():
    ring = ring_of(change(5, partition=2))
    assert ring.since("v", {0: 0, 1: 0}) is None
    assert ring.since("v", {0: 0, 1: 0, 2: 4}) is None
    assert keys(ring.since("v", {0: 0, 1: 0, 2: 5})) == ["2-5"]


def test_the_oldest_make_room_over_all_versions_and_it_says_so():
    ring = ring_of(max_bytes=400_000)
    for offset in range(2_000):
        ring.add(change(offset, version="vw"[offset % 2], size=64))
        assert ring.bytes <= 400_000
    assert ring.since("v", {0: 0, 1: 0}) is None
    assert keys(ring.since("v", {0: 1_990, 1: 0})) == [f"0-{each}" for each in range(1_990, 2_000, 2)]
    assert ring.since("x", {0: 0, 1: 0}) is not None, "of this version nothing was ever told"


def test_a_change_that_is_larger_than_all_its_memory_is_forgotten_at_once():
    ring = ring_of(change(0, size=64), max_bytes=100_000)
    ring.add(change(1, passages=1_000, size=64))
    assert ring.bytes == 0
    assert ring.since("v", {0: 1, 1: 0}) is None
    assert keys(ring.since("v", {0: 2, 1: 0})) == []


def test_metadata_counts_too():
    ring = ring_of(max_bytes=100_000)
    large = Fields(present=True, metadata={"text": "x" * 20_000})
    ring.add(FeedChange(0, 0, "v", "k", None, large, None, None, 0.0))
    assert ring.since("v", {0: 0, 1: 0}) is None


def test_each_passage_and_term_belongs_to_its_change():
    ring = ring_of(change(0, passages=2), change(1, passages=0), change(2, passages=None), change(3, passages=3))
    changes = ring.since("v", {0: 1, 1: 0})
    assert changes is not None
    [stretch] = changes.stretches
    assert [each.key for each in stretch.untold] == ["0-2"]
    assert (stretch.vectors == 3).all()
    assert stretch.vectors.shape == (3, 4)
    assert (stretch.errors == 0.25).all()
    assert [each.key for each in stretch.of(np.array([0, 2]))] == ["0-3"]
    assert list(stretch.terms) == [1, 7] * 3
    assert list(stretch.weights) == [1.0, 0.5] * 3
    assert list(stretch.places) == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("vectors", [np.zeros((1, 3), np.float32), np.full((1, 4), np.nan, np.float32)])
def test_passages_that_cannot_be_this_versions_count_as_not_told(vectors: np.ndarray):
    odd = FeedChange(0, 1, "v", "odd", None, None, None, Scored(vectors, (TERMS,)), 0.0)
    changes = ring_of(change(0), odd).since("v", {0: 0, 1: 0})
    assert changes is not None
    assert [each.key for stretch in changes.stretches for each in stretch.untold] == ["odd"]


def test_what_was_given_stays_as_it_is_while_more_arrives():
    ring = ring_of(change(0, passages=2))
    given_ = ring.since("v", {0: 0, 1: 0})
    assert given_ is not None
    before = [(each.vectors.copy(), each.terms.copy(), list(each.keys)) for each in given_.stretches]
    for offset in range(1, 200):
        ring.add(change(offset, passages=20))
    for (vectors, terms, found), stretch in zip(before, given_.stretches, strict=True):
        assert (stretch.vectors == vectors).all()
        assert (stretch.terms == terms).all()
        assert list(stretch.keys) == found


_told = st.tuples(st.sampled_from([0, 1]), st.sampled_from("vw"), st.sampled_from([None, 0, 1, 5, 40]))


@given(
    told=st.lists(_told, max_size=80),
    positions=st.tuples(st.integers(0, 60), st.integers(0, 60)),
    max_bytes=st.sampled_from([20_000, 100_000, 1 << 22]),
)
def test_it_never_leaves_out_a_change(
    told: Sequence[tuple[int, str, int | None]], positions: tuple[int, int], max_bytes: int
):
    ring, offsets, all_ = ring_of(max_bytes=max_bytes), [0, 0], []
    for partition, version, passages in told:
        all_.append(change(offsets[partition], partition=partition, version=version, passages=passages))
        ring.add(all_[-1])
        offsets[partition] += 1
        assert ring.bytes <= max_bytes
    wanted = dict(enumerate(positions))
    for version in "vw":
        found = ring.since(version, wanted)
        expected = {each.key for each in all_ if each.version == version and each.offset >= wanted[each.partition]}
        if found is not None:
            assert expected <= set(keys(found))
        elif max_bytes == 1 << 22:
            raise AssertionError("there was room for all of them")
