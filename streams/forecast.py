"""What a rebuild will take: totals that are known exactly, times what a sample of documents takes for each byte.

Of each document of the sample it is known what is embedded for it and what it leaves in the index. Whatever that is,
it is nearly proportional to the bytes of the texts, whose sum over the whole log is known; so the ratio of the sums is
the estimate, and what the documents differ from it makes its standard error (Cochran 1977, chapter 6).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

VECTOR_BYTES: Final = 4  # a number of a vector
GRAPH_BYTES: Final = 128  # a passage in HNSW: 32 neighbours on the lowest layer, 4 bytes each
TERM_BYTES: Final = 16  # a term of a passage: 8 in its vector, 8 in the inverted index
POINT_BYTES: Final = 64  # a point's ids, versions and places
SPARE: Final = 2.0  # segments that are put together are there twice for a while
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
    if count < 2:  # noqa: PLR2004
        return Estimate(ratio * total, 0.0 if count >= documents else ratio * total)
    variance = sum((y - ratio * x) ** 2 for x, y in sample) / (count - 1)
    unseen = max(1 - count / documents, 0.0)
    return Estimate(ratio * total, total * math.sqrt(unseen * variance / count) / (sum_x / count))


@dataclass(frozen=True, slots=True)
class Pace:
    """Tokens a second of some calls to the model, ascending."""

    rates: tuple[float, ...]

    def at(self, share: float) -> float:
        """The rate below which this share of the calls was, between the nearest two."""
        place = share * (len(self.rates) - 1)
        below, above = self.rates[math.floor(place)], self.rates[math.ceil(place)]
        return below + (above - below) * (place - math.floor(place))

    def seconds(self, tokens: float) -> Span:
        """How long it takes, from the upper to the lower quartile of the rates."""
        return Span(*(tokens / self.at(share) for share in (0.75, 0.5, 0.25)))


def together(parts: Iterable[Span]) -> Span:
    """Stages that run at the same time: at best as long as the slowest of them, at worst, and likely on the cores of one
    machine, one after the other."""
    spans = list(parts)
    return Span(
        max((each.low for each in spans), default=0.0),
        sum(each.likely for each in spans),
        sum(each.high for each in spans),
    )


def disk(*, passages: float, documents: float, dimension: int, terms: float, payload: float) -> Span:
    """Bytes of a version: vectors, their graph, words, payloads (as JSON, of passages and of ledger records), points."""
    vectors = passages * (VECTOR_BYTES * dimension + GRAPH_BYTES)
    size = vectors + terms * TERM_BYTES + payload + (passages + documents) * POINT_BYTES
    return Span(size, size, size * SPARE)
