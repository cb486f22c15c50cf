"""Sparse vectors: weights of terms, each term a number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

_CACHED: Final = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
class SparseVector:
    """`indices` (n,) ascending without repetition, `values` (n,) of the same length; what is not there is 0."""

    indices: NDArray[np.uint32]
    values: NDArray[np.float32]

    @classmethod
    def of(cls, weights: Mapping[int, float]) -> Self:
        indices = np.array(sorted(weights), np.uint32)
        return cls(indices, np.array([weights[int(index)] for index in indices], np.float32))

    def __bool__(self) -> bool:
        return self.indices.size > 0

    def dot(self, other: SparseVector) -> float:
        """The inner product: 0 where no term is in both."""
        _, ours, theirs = np.intersect1d(self.indices, other.indices, assume_unique=True, return_indices=True)
        return float(self.values[ours] @ other.values[theirs])


@lru_cache(maxsize=_CACHED)
def term_id(stem: str) -> int:
    """A term's number, 32 bits. Of 100,000 terms one pair or so shares a number, and is taken for one word."""
    return int.from_bytes(blake2b(stem.encode("utf-8", "surrogatepass"), digest_size=4).digest(), "little")
