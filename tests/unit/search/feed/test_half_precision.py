"""What the change feed rounds off is no more than it says: a reader that adds `error` never misses a passage."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from freshet.schemas.feed import Change
from freshet.search.feed.changes import Scored, pack, read_change
from freshet.search.index.records import Vector
from freshet.search.sparse import SparseVector

ROUNDING = 1e-6  # of the inner product itself, in single precision

numbers = st.floats(-1, 1, width=32)
vectors = st.integers(1, 48).flatmap(
    lambda size: arrays(np.float32, (2, size), elements=numbers).filter(
        lambda rows: bool((np.linalg.norm(rows, axis=1) > 1e-3).all())
    )
)
terms = st.dictionaries(st.integers(0, 2**32 - 1), st.floats(0, 1e4, width=32), max_size=8).map(SparseVector.of)


def there_and_back(*passages: tuple[Vector, SparseVector]) -> tuple[Scored, float]:
    packed, error = pack(passages)
    change = Change(index_version="v", outcome="indexed", origin="d/0@1", key="a", passages=packed, error=error)
    read = read_change(Change.model_validate_json(change.model_dump_json()), partition=0, offset=1)
    assert read.scored is not None
    return read.scored, read.error


def unit(vector: Vector) -> Vector:
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


@given(vectors)
def test_no_inner_product_with_a_unit_vector_is_off_by_more_than_the_error(pair) -> None:
    query, vector = map(unit, pair)
    scored, error = there_and_back((vector, SparseVector.of({})))
    assert abs(float(query @ vector) - float(query @ scored.vectors[0])) <= error + ROUNDING
    worst = vector.astype(np.float64) - scored.vectors[0]
    if (length := np.linalg.norm(worst)) > 0:  # the query that shows the most of it
        assert worst @ worst / length <= error * (1 + 1e-9)


def test_the_error_is_small_for_vectors_as_models_make_them() -> None:
    rows = np.random.default_rng(0).standard_normal((100, 384)).astype(np.float32)
    _, error = there_and_back(*((unit(row), SparseVector.of({})) for row in rows))
    assert 0 < error < 0.0003


@given(terms, terms)
def test_terms_and_weights_come_back_exactly(first, second) -> None:
    vector = unit(np.ones(4, np.float32))
    scored, _ = there_and_back((vector, first), (vector, second))
    for given_, read in zip((first, second), scored.terms, strict=True):
        assert (given_.indices == read.indices).all()
        assert (given_.values == read.values).all()


def test_a_state_without_passages_is_known_to_have_none() -> None:
    scored, error = there_and_back()
    assert (len(scored), error) == (0, 0.0)
