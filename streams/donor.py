"""Vectors that somebody has already, of passages that are to be embedded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from freshet.search.index.records import Vector
from freshet.streams.plan import NewPassage


class Donor(Protocol):
    """Another index version of the same model, say."""

    async def vectors(self, passages: Sequence[NewPassage], /) -> Mapping[str, Vector]:
        """By id, the vectors of these passages as far as they can be had. Raises nothing for a donor that is away."""


class Nobody:
    """Has none."""

    async def vectors(self, _passages: Sequence[NewPassage]) -> Mapping[str, Vector]:
        return {}
