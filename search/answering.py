"""From candidates to what an answer says of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from freshet.schemas.http import Explanation, ListName, PassageScore, SearchResult, Standing
from freshet.schemas.positions import FreshnessToken
from freshet.search.fusion import Candidate, Match, Place
from freshet.search.highlights import highlights
from freshet.search.languages import language_of


def result(
    candidate: Candidate,
    *,
    asked: Collection[str],
    languages: Sequence[str],
    explanation: Explanation | None,
) -> SearchResult:
    """A document as it is shown; `asked` are the stems of the query."""
    record, text = candidate.record, candidate.text
    return SearchResult(
        id=record.id,
        score=candidate.score,
        title=record.title,
        text=text,
        highlights=highlights(asked, text, language_of(record.metadata, languages)),
        metadata=dict(record.metadata),
        explanation=explanation,
    )


def explained(candidate: Candidate, lists: Sequence[ListName], topic: str) -> Explanation:
    """Why a document is where it is; `lists` are the names of the lists that were asked for."""
    record = candidate.record
    standings = {name: _standing(place) for name, place in zip(lists, candidate.places, strict=True)}
    return Explanation(
        dense=standings.get("dense"),
        sparse=standings.get("sparse"),
        event=str(FreshnessToken(topic, record.partition, record.offset)),
        passages=[_passage(match, lists, record.passages) for match in candidate.passages],
    )


def _standing(place: Place | None) -> Standing | None:
    return None if place is None else Standing(rank=place.rank, score=place.score)


def _passage(match: Match, lists: Sequence[ListName], listed: Sequence[str]) -> PassageScore:
    scores = dict(zip(lists, match.scores, strict=True))
    return PassageScore(
        id=match.id, position=listed.index(match.id), dense=scores.get("dense"), sparse=scores.get("sparse")
    )
