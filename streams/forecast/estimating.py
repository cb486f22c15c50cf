"""What a rebuild will take: totals that are known exactly, times what a sample of documents takes for each byte.

Of each document of the sample it is known what is embedded for it and what it leaves in the index. Whatever that is,
it is nearly proportional to the bytes of the texts, whose sum over the whole log is known; so the ratio of the sums is
the estimate, and what the documents differ from it makes its standard error (Cochran 1977, chapter 6). Texts that
change are a part of their own, for of them less is new.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np

VECTOR_BYTES: Final = 4  # a number of a vector
POINT_BYTES: Final = 320  # a point's payload indexes (290), its ids and versions (30)
TERM_BYTES: Final = 10.5  # a term in a passage's sparse vector
GRAPH_BYTES: Final = 128  # a passage in HNSW: 32 neighbours on the lowest layer, 4 bytes each
INVERTED_BYTES: Final = 8  # a term of a passage in the inverted index
LOG_BYTES: Final = 32 << 20  # a segment of the engine's write-ahead log, of which there are one to three
SPARE: Final = 2  # segments that are being put together are there twice
SURE: Final = 2.0  # standard errors, within which 95 in 100 estimates are


class Estimate(NamedTuple):
    """An estimated sum and its standard error."""

    value: float
    error: float

    @property
    def low(self) -> float:
        return max(self.value - SURE * self.error, 0.0)

    @property
    def high(self) -> float:
        return self.value + SURE * self.error


class Span(NamedTuple):
    """The least, the likely and the most, of seconds or of bytes."""

    low: float
    likely: float
    high: float


class Part(NamedTuple):
    """A part of a sum: for each document of a sample x and y, and the sum of x over all documents."""

    pairs: Sequence[tuple[float, float]]
    total: float


def scale(*parts: Part, documents: int) -> Estimate:
    """The sum of y over `documents` documents, of all parts, from a sample of them, in the same order in each part.

    The error is 0 where the sample is all of them.
    """
    count = min(len(part.pairs) for part in parts)
    pairs = [np.array(part.pairs, float).reshape(-1, 2).T for part in parts]
    all_x, all_y = (sum(float(each[row].sum()) for each in pairs) for row in (0, 1))
    value, unknown, differences = 0.0, 0.0, np.zeros(count)
    for part, (x, y) in zip(parts, pairs, strict=True):
        if x.sum():
            ratio = y.sum() / x.sum()
            value += float(ratio * part.total)
            differences += (y - ratio * x) * (part.total / x.mean())
        elif all_x:  # it is so rare that the sample has none of it
            unknown += part.total * all_y / all_x
    value += unknown
    unseen = max(1 - count / documents, 0.0) if documents else 0.0
    if count == 1 and unseen:
        return Estimate(value, value)
    variance = float((differences**2).sum()) / max(count - 1, 1)
    return Estimate(value, math.hypot(math.sqrt(unseen * variance / max(count, 1)), unknown))


def together(parts: Iterable[Span]) -> Span:
    """Stages that run at the same time: at best as long as the slowest of them.

    At worst, and likely on the cores of one machine, as long as all of them one after the other.
    """
    spans = list(parts)
    return Span(
        max((each.low for each in spans), default=0.0),
        sum(each.likely for each in spans),
        sum(each.high for each in spans),
    )


def disk(*, passages: float, documents: float, dimension: int, terms: float, payload: float) -> Span:
    """Bytes of a version, from what the points take alone to a server that puts its segments together just now.

    A ledger record has no vector and yet the room of one. `terms` are those of all passages, `payload` is the JSON of
    all points.
    """
    points = (passages + documents) * (VECTOR_BYTES * dimension + POINT_BYTES) + terms * TERM_BYTES + payload
    indexed = points + passages * GRAPH_BYTES + terms * INVERTED_BYTES
    return Span(points, indexed + 2 * LOG_BYTES, SPARE * indexed + 3 * LOG_BYTES)
