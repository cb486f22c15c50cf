"""What a rebuild will take: totals that are known exactly, times what a sample of documents takes for each byte.

Of each document of the sample it is known what is embedded for it and what it leaves in the index. Whatever that is,
it is nearly proportional to the bytes of the texts, whose sum over the whole log is known; so the ratio of the sums is
the estimate, and what the documents differ from it makes its standard error (Cochran 1977, chapter 6).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

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


def scale(sample: Sequence[tuple[float, float]], *, total: float, documents: int) -> Estimate:
    """The sum of y over `documents` documents, from pairs (x, y) of some of them and the sum of all x.

    The error is 0 where the sample is all of them.
    """
    count, sum_x, sum_y = len(sample), sum(x for x, _ in sample), sum(y for _, y in sample)
    if not sum_x:
        return Estimate(0.0, 0.0)
    ratio = sum_y / sum_x
    if count < 2:
        return Estimate(ratio * total, 0.0 if count >= documents else ratio * total)
    variance = sum((y - ratio * x) ** 2 for x, y in sample) / (count - 1)
    unseen = max(1 - count / documents, 0.0)
    return Estimate(ratio * total, total * math.sqrt(unseen * variance / count) / (sum_x / count))


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
