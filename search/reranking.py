"""The first candidates once more, by a model that reads query and passage together; in time, or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from freshet.schemas.errors import OutsideError
from freshet.search.fusion import Candidate
from freshet.search.metrics import Degraded
from freshet.search.rerank.base import RerankOff, RerankTooLate, TimedReranker

DEPTH: Final = 3  # so many times the limit of candidates are reranked


@dataclass(frozen=True, slots=True)
class Reranked:
    """The order after reranking, the scores of those that were (by key), and what was missing where none were."""

    candidates: Sequence[Candidate]
    scores: Mapping[str, float] = field(default_factory=dict)
    degraded: Degraded | None = None


class Reranking:
    """Puts the first candidates of a search in order within `seconds`; the rest follow in the order that they had."""

    def __init__(self, reranker: TimedReranker | RerankOff, *, seconds: float) -> None:
        self._reranker = reranker
        self._seconds = seconds

    @property
    def model(self) -> str | None:
        """Whose order it is; None where there is no reranker."""
        return None if isinstance(self._reranker, RerankOff) else self._reranker.model.name

    async def order(self, query: str, candidates: Sequence[Candidate], *, limit: int) -> Reranked:
        """Rerank the first `DEPTH` × `limit`. A reranker that is away, late or refuses leaves the order as it is."""
        if isinstance(self._reranker, RerankOff):
            return Reranked(candidates, degraded=Degraded.RERANK_OFF if self._reranker.wanted else None)
        first = candidates[: DEPTH * limit]
        try:
            scored = await self._reranker.rerank(query, [text_of(each) for each in first], within=self._seconds)
        except RerankTooLate:
            return Reranked(candidates, degraded=Degraded.RERANK_LATE)
        except OutsideError:
            return Reranked(candidates, degraded=Degraded.RERANK_FAILED)
        scores = {each.key: float(score) for each, score in zip(first, scored, strict=True)}
        ordered = sorted(first, key=lambda each: -scores[each.key])
        return Reranked([*ordered, *candidates[DEPTH * limit :]], scores)


def text_of(candidate: Candidate) -> str:
    """What a reranker reads of a candidate: its passage as it was embedded, with its document's title before it."""
    title = candidate.record.title.strip()
    return f"{title}. {candidate.text}" if title else candidate.text
