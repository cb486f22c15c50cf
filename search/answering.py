"""From candidates to what an answer says of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from freshet.schemas.http import (
    Explanation,
    FacetCount,
    PassageScore,
    QueryExplanation,
    QueryStep,
    SearchResult,
    Standing,
)
from freshet.schemas.positions import FreshnessToken
from freshet.search.asking import Asked
from freshet.search.fusion import Candidate, Match, Place
from freshet.search.highlights import highlights
from freshet.search.index.records import ValueCount
from freshet.search.languages import language_of
from freshet.search.live import LiveVersion
from freshet.search.statistics import TermStatistics


@dataclass(frozen=True, slots=True)
class Telling:
    """What is told of one search: what was asked, its stems, of which version, and a reranker's scores by document."""

    asked: Asked
    live: LiveVersion
    stems: frozenset[str]
    statistics: TermStatistics | None = None
    reranked: Mapping[str, float] = field(default_factory=dict)

    def results(self, page: Sequence[Candidate]) -> list[SearchResult]:
        """The documents as they are shown."""
        return [self._result(candidate) for candidate in page]

    def query(self, reranker: str | None) -> QueryExplanation | None:
        """What was asked for in the end, where that was asked for."""
        if not self.asked.request.explain:
            return None
        query = self.asked.query
        return QueryExplanation(
            text=query.text,
            steps=[QueryStep(step=step, meaning=step.meaning) for step in query.steps],
            terms=sorted(self.stems),
            statistics=None if self.statistics is None else self.statistics.number,
            reranker=reranker if self.reranked else None,
        )

    def _result(self, candidate: Candidate) -> SearchResult:
        record, text = candidate.record, candidate.text
        return SearchResult(
            id=record.id,
            score=self.reranked.get(candidate.key, candidate.score),
            title=record.title,
            text=text,
            highlights=highlights(self.stems, text, language_of(record.metadata, self.live.text.languages)),
            metadata=dict(record.metadata),
            explanation=self._explained(candidate) if self.asked.request.explain else None,
        )

    def _explained(self, candidate: Candidate) -> Explanation:
        record, lists = candidate.record, self.asked.lists
        standings = {name: _standing(place) for name, place in zip(lists, candidate.places, strict=True)}
        return Explanation(
            dense=standings.get("dense"),
            sparse=standings.get("sparse"),
            fused=candidate.score,
            rerank=self.reranked.get(candidate.key),
            event=str(FreshnessToken(self.live.topic, record.partition, record.offset)),
            passages=[self._passage(match, record.passages) for match in candidate.passages if match.id],
        )

    def _passage(self, match: Match, listed: Sequence[str]) -> PassageScore:
        scores = dict(zip(self.asked.lists, match.scores, strict=True))
        return PassageScore(
            id=match.id, position=listed.index(match.id), dense=scores.get("dense"), sparse=scores.get("sparse")
        )


def facet_counts(found: Mapping[str, Sequence[ValueCount]]) -> dict[str, list[FacetCount]]:
    return {key: [FacetCount(value=each.value, count=each.count) for each in values] for key, values in found.items()}


def _standing(place: Place | None) -> Standing | None:
    return None if place is None else Standing(rank=place.rank, score=place.score)
