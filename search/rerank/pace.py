"""How long scoring takes, learnt from the last times."""

from __future__ import annotations

from collections import deque
from statistics import median
from typing import Final

_REMEMBERED: Final = 8
_OF_A_PAIR: Final = 100  # what a pair costs whatever its length, in characters
_SEEN: Final = 2_000  # characters after which the window of most models is full


def work_of(query: str, text: str) -> float:
    """How much there is to do for a pair, in characters."""
    return _OF_A_PAIR + min(len(query) + len(text), _SEEN)


class Pace:
    """Seconds for so much work: the median of the last times, and 0 while nothing is known."""

    def __init__(self) -> None:
        self._paces: deque[float] = deque(maxlen=_REMEMBERED)

    def learn(self, work: float, seconds: float) -> None:
        self._paces.append(seconds / work)

    def forget_one(self) -> None:
        """The oldest. Who does so at each refusal by it finds out at last whether things are better."""
        if self._paces:
            self._paces.popleft()

    def seconds(self, work: float) -> float:
        return work * median(self._paces) if self._paces else 0.0
