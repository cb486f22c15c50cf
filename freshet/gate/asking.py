"""Asking two versions the same, in turns, so that whatever slows this machine down slows both."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from freshet.gate.questions import Question
from freshet.gate.verdict import Answer, Asked
from freshet.schemas.fields import Kind
from freshet.schemas.matching import matches
from freshet.search.fusion import Fusion, fuse
from freshet.search.index.base import Query
from freshet.search.index.records import LedgerRecord, Vector
from freshet.search.live import LiveVersion
from freshet.search.query import too_long
from freshet.search.retrieval import retrieve
from freshet.search.statistics import TermStatistics

ROUNDS: Final = 3  # each question is asked so often; its fastest answer counts
_EMBED: Final = 64  # queries at once


@dataclass(frozen=True, slots=True)
class Way:
    """What does not depend on the version: how long lists are, how they are fused, and the declared fields."""

    list_length: int
    fusion: Fusion
    fields: Mapping[str, Kind]


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A version with its statistics and the vectors of all questions; None for those that its model cannot take."""

    version: LiveVersion
    statistics: TermStatistics | None
    vectors: Sequence[Vector | None]


async def ask_both(
    live: LiveVersion,
    candidate: LiveVersion,
    questions: Sequence[Question],
    way: Way,
    *,
    advance: Callable[[int], object] = lambda _: None,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Asked]:
    """All questions to both versions, by meaning and words. Raises what the index and the models raise.

    The times are those of looking up and fusing; vectors are made before. Who is asked first changes each time.
    """
    both = await _prepare(live, questions), await _prepare(candidate, questions)
    rounds: list[list[tuple[Answer, Answer]]] = []
    for round_ in range(ROUNDS):
        answers = []
        for number, question in enumerate(questions):
            first = (number + round_) % 2
            one = await _ask(both[first], number, question, way, clock)
            other = await _ask(both[1 - first], number, question, way, clock)
            answers.append((one, other) if first == 0 else (other, one))
            advance(1)
        rounds.append(answers)
    return [
        Asked(question, *(min(times, key=lambda each: each.seconds) for times in zip(*several, strict=True)))
        for question, *several in zip(questions, *rounds, strict=True)
    ]


async def _prepare(version: LiveVersion, questions: Sequence[Question]) -> _Prepared:
    model, embedder = version.embedder.model, version.embedder
    texts = [each.text for each in questions if not too_long(each.text, model, embedder.token_ends)]
    vectors: dict[str, Vector] = {}
    for start in range(0, len(texts), _EMBED):
        part = texts[start : start + _EMBED]
        vectors |= zip(part, (await embedder.embed(part, purpose="query")).vectors, strict=True)
    return _Prepared(version, await version.snapshots.current(), [vectors.get(each.text) for each in questions])


async def _ask(prepared: _Prepared, number: int, question: Question, way: Way, clock: Callable[[], float]) -> Answer:
    """What is too long for the model finds nothing, for a search with it would be refused."""
    version, vector = prepared.version, prepared.vectors[number]
    if vector is None:
        return Answer((), 0.0)
    queries: list[Query] = [vector, version.text.query(question.text, prepared.statistics)]

    def passes(record: LedgerRecord) -> bool:
        return question.filters is None or matches(question.filters, record.metadata, way.fields)

    began = clock()
    retrieved = await retrieve(
        version.reader,
        queries,
        length=way.list_length,
        filters=question.filters,
        tenant=question.tenant,
        passes=passes,
    )
    fused = fuse(retrieved, way.fusion)
    took = clock() - began
    return Answer([each.record.id for each in fused], took)
