"""An entry comes back from bytes as it was, and from anything else not at all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.schemas.filters import Filter
from freshet.schemas.http import FacetCount, SearchResult
from freshet.search.results.entry import Content, Entry, Searched
from freshet.search.sparse import SparseVector

FILTER = Filter.model_validate(
    {
        "must": [{"key": "metadata.at", "range": {"gte": "2026-01-01T00:00:00.25Z"}}],
        "must_not": [
            {"key": "metadata.lang", "match": {"value": ""}},
            {"should": [{"is_null": {"key": "metadata.x"}}]},
        ],
    }
)
RESULT = SearchResult(
    id="é", score=0.1 + 0.2, title="t", text="\U0001f600 text", highlights=[(0, 1)], metadata={"a": [1, None, 2.5]}
)

COUNT = FacetCount(value=True, count=2)


def entry(**given_: Any) -> Entry:
    parts = {
        "content": Content(
            version="v",
            topic="documents",
            results=[RESULT],
            facets={"metadata.lang": [FacetCount(value=True, count=2)]},
        ),
        "positions": {0: 17, 3: 0},
        "searched": (
            Searched(np.array([0.1, -0.7, 1e-9], np.float32), 0.123456789),
            Searched(SparseVector.of({3: 0.25, 4_000_000_000: 1.5}), None),
        ),
        "met": frozenset({"a/1", "ü"}),
        "tenant": "acme",
        "filters": FILTER,
        "facets": ("metadata.lang",),
        "expires": 1_800_000_000.125,
        "told": 12.5,
    }
    return Entry(**{**parts, **given_})


def same(one: Entry, other: Entry) -> bool:
    def query(searched: Searched) -> Any:
        if isinstance(searched.query, SparseVector):
            return [*searched.query.indices], [*searched.query.values]
        return [*searched.query]

    fields = [name for name in Entry.__dataclass_fields__ if name != "searched"]
    plain = all(getattr(one, name) == getattr(other, name) for name in fields)
    lists = [[(query(each), each.last) for each in entry_.searched] for entry_ in (one, other)]
    return plain and lists[0] == lists[1]


@pytest.mark.parametrize(
    "given_",
    [
        {},
        {"searched": (), "met": frozenset(), "tenant": None, "filters": None, "facets": ()},
        {"searched": (Searched(SparseVector.of({}), None),)},
    ],
)
def test_it_comes_back_as_it_was(given_: dict[str, Any]):
    there = entry(**given_)
    back = Entry.from_bytes(there.to_bytes())
    assert back is not None
    assert same(back, there)
    assert back.filters is None or back.filters.model_fields_set == FILTER.model_fields_set


@given(garbage=st.binary(max_size=200), cut=st.integers(0, 2_000), flip=st.integers(0, 2_000))
def test_anything_else_is_none_and_never_an_error(garbage: bytes, cut: int, flip: int):
    whole = entry().to_bytes()
    assert Entry.from_bytes(garbage) is None
    assert Entry.from_bytes(whole[: cut % len(whole)]) is None
    assert Entry.from_bytes(whole + b"\x00") is None
    flipped = bytearray(whole)
    flipped[flip % len(whole)] ^= 0xFF
    Entry.from_bytes(bytes(flipped))  # who shares entries verifies them; here it must only not fail


def test_moving_takes_the_higher_position_of_each_partition():
    assert entry().moved({0: 5, 3: 9}).positions == {0: 17, 3: 9}


def test_an_entry_tells_about_as_much_as_it_takes():
    assert entry().size() > len(entry().to_bytes())
