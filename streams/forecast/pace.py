"""How fast a model is just now, and how many tokens it is given for the tokens that were counted."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from freshet.schemas.errors import PermanentError
from freshet.search.embedding.base import Embedder
from freshet.search.passages import SPECIAL_TOKENS, Piece

WINDOW: Final = 128  # texts in a call: from so many on a model is at its best
CALLS: Final = 8
MOST_TEXTS: Final = WINDOW * CALLS
_LEAST_CALLS: Final = 3
_WARM_UP: Final = 8  # texts: the first call prepares what later ones use
_SECONDS: Final = 15.0
Advance = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Pace:
    """Tokens a second of some calls to the model, ascending."""

    rates: tuple[float, ...]

    def _at(self, share: float) -> float:
        """The rate below which this share of the calls was, between the nearest two."""
        place = share * (len(self.rates) - 1)
        below, above = self.rates[math.floor(place)], self.rates[math.ceil(place)]
        return below + (above - below) * (place - math.floor(place))

    @property
    def quartiles(self) -> tuple[float, float, float]:
        return self._at(0.25), self._at(0.5), self._at(0.75)


class Counting(NamedTuple):
    """How many tokens a model is given: so many for each that was counted, and so many for each text."""

    per_token: float = 1.0
    per_text: float = SPECIAL_TOKENS

    def given(self, texts: float, tokens: float) -> float:
        return max(self.per_token * tokens + self.per_text * texts, 0.0)


class Measured(NamedTuple):
    """What calls to a model told. `tokens` were given in all."""

    pace: Pace
    counting: Counting
    tokens: int


async def measure(
    embedder: Embedder, pieces: Sequence[Piece], *, advance: Advance, clock: Callable[[], float] = time.perf_counter
) -> Measured | None:
    """Embed texts in some calls, for some seconds; None where there are none.

    A call that is refused is passed over, for it may hold a text that the model does not take. Raises what the embedder
    raises, and PermanentError where all are refused.
    """
    if not pieces:
        return None
    size = min(WINDOW, -(-len(pieces) // _LEAST_CALLS))
    calls = [pieces[start : start + size] for start in range(0, len(pieces), size)][:CALLS]
    rates, rows, given = list[float](), list[tuple[int, int]](), list[int]()
    refusal: PermanentError | None = None
    with suppress(PermanentError):
        given.append((await embedder.embed([each.embedded for each in pieces[:_WARM_UP]])).tokens)
    warm, began = sum(given), clock()
    given.clear()
    for call in calls:
        start = clock()
        try:
            embedded = await embedder.embed([each.embedded for each in call])
        except PermanentError as error:
            refusal = error
            continue
        rates.append(embedded.tokens / max(clock() - start, 1e-9))
        rows.append((sum(each.tokens for each in call), len(call)))
        given.append(embedded.tokens)
        advance(len(call))
        if clock() - began > _SECONDS and len(rates) >= _LEAST_CALLS:
            break
    if not rates and refusal is not None:
        raise refusal
    return Measured(Pace(tuple(sorted(rates))), _counting(rows, given), sum(given) + warm)


def _counting(rows: Sequence[tuple[int, int]], given: Sequence[int]) -> Counting:
    """Exact where the model's own tokenizer counted, by least squares where tokens are estimated."""
    found, *_ = np.linalg.lstsq(np.array(rows, float), np.array(given, float), rcond=None)
    return Counting(float(found[0]), float(found[1]))
