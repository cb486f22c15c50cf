"""What was fetched is cut into batches without losing or reordering anything."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from freshet.schemas.decoding import Record
from freshet.streams.cutting import cut, ends

LIMIT = 100


def record(partition: int, offset: int, length: int | None = 0) -> Record:
    return Record("documents", partition, offset, 0.0, b"k", None if length is None else b"x" * length)


records = st.lists(st.one_of(st.none(), st.integers(0, 150))).map(
    lambda lengths: [record(at % 3, at, length) for at, length in enumerate(lengths)]
)


@given(records)
def test_the_pieces_joined_are_what_was_fetched(fetched: list[Record]) -> None:
    assert [each for piece in cut(fetched, max_bytes=LIMIT) for each in piece] == fetched


@given(records)
def test_no_piece_is_larger_than_allowed_but_for_a_single_record(fetched: list[Record]) -> None:
    for piece in cut(fetched, max_bytes=LIMIT):
        assert len(piece) == 1 or sum(len(each.value or b"") for each in piece) <= LIMIT


@given(records)
def test_pieces_are_as_large_as_they_may_be(fetched: list[Record]) -> None:
    pieces = list(cut(fetched, max_bytes=LIMIT))
    for piece, following in pairwise(pieces):
        assert sum(len(each.value or b"") for each in [*piece, following[0]]) > LIMIT


def test_ends_are_per_partition() -> None:
    fetched = [record(0, 4), record(0, 7), record(2, 1)]
    assert ends(fetched, "documents") == {0: 8, 2: 2}


@given(records, st.integers(1, 5))
def test_no_piece_has_more_records_than_allowed(fetched: list[Record], most: int) -> None:
    pieces = list(cut(fetched, max_bytes=LIMIT, max_events=most))
    assert all(len(piece) <= most for piece in pieces)
    assert [each for piece in pieces for each in piece] == fetched
