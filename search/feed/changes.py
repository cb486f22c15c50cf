"""Records of the change feed: how passages are packed into one, and what a reader makes of it."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from freshet.schemas.feed import Change, FeedPassage, Fields
from freshet.search.index.facts import told_as
from freshet.search.index.records import Vector
from freshet.search.sparse import SparseVector

_HALF: Final = np.dtype("<f2")
_TERM: Final = np.dtype("<u4")
_WEIGHT: Final = np.dtype("<f4")


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """What scores a state's passages: `vectors` (passages, dimension) in single precision, and their terms."""

    vectors: NDArray[np.float32]
    terms: tuple[SparseVector, ...]

    def __len__(self) -> int:
        return len(self.terms)


@dataclass(frozen=True, slots=True, eq=False)
class FeedChange:
    """A change at `offset` of the feed's `partition`; the rest as in `Change`.

    `scored` is None where the passages are not known: any of them may be among the nearest to any query. No inner
    product of a unit vector with `scored.vectors` is off by more than `error`.
    """

    partition: int
    offset: int
    version: str
    key: str
    tenant: str | None
    before: Fields | None
    after: Fields | None
    scored: Scored | None
    error: float


def read_change(change: Change, *, partition: int, offset: int) -> FeedChange:
    """A change record as it lies in the feed. Raises ValueError where its arrays do not fit together."""
    return FeedChange(
        partition,
        offset,
        told_as(change.index_version, change.incarnation),
        change.key,
        change.tenant,
        change.before,
        change.after,
        None if change.passages is None else _unpacked(change.passages),
        change.error,
    )


def pack(passages: Iterable[tuple[Vector, SparseVector]]) -> tuple[tuple[FeedPassage, ...], float]:
    """Passages for a record, and the most that half precision changes an inner product with a unit vector.

    By Cauchy and Schwarz that is the length of what was rounded off.
    """
    packed, error = [], 0.0
    for vector, terms in passages:
        half = vector.astype(_HALF)
        error = max(error, float(np.linalg.norm(vector.astype(np.float64) - half.astype(np.float64))))
        packed.append(
            FeedPassage(
                vector=_text(half),
                terms=_text(terms.indices.astype(_TERM)),
                weights=_text(terms.values.astype(_WEIGHT)),
            )
        )
    return tuple(packed), error


def _unpacked(passages: Sequence[FeedPassage]) -> Scored:
    vectors = [_array(each.vector, _HALF).astype(np.float32) for each in passages]
    terms = tuple(_terms(each) for each in passages)
    return Scored(np.stack(vectors) if vectors else np.zeros((0, 0), np.float32), terms)


def _terms(passage: FeedPassage) -> SparseVector:
    indices, values = _array(passage.terms, _TERM), _array(passage.weights, _WEIGHT)
    if len(indices) != len(values):
        raise ValueError(f"a passage has {len(indices)} terms and {len(values)} weights")
    return SparseVector(indices, values)


def _text(array: NDArray[Any]) -> str:
    return b64encode(array.tobytes()).decode("ascii")


def _array(text: str, kind: np.dtype[Any]) -> NDArray[Any]:
    return np.frombuffer(b64decode(text, validate=True), kind)
