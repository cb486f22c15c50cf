"""Whether answers are true at the watermarks that they report, by the log alone.

Of each document an answer may show the state that it had at the watermark, or one of the events that had been published
by then. Answers by meaning are compared with an exact search of some choice of those states; where words count, with
the states alone, for the term statistics of the time are not known.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product
from math import isclose, prod
from typing import Any, Final

from freshet.schemas.events import Event
from freshet.schemas.http import SearchAnswer, SearchRequest, SearchResult
from freshet.schemas.matching import matches, values_of
from freshet.schemas.positions import Order
from freshet.search.asking import SearchRules
from freshet.search.bm25 import Bm25
from freshet.search.index.records import LedgerRecord, Passage
from freshet.search.passages import Recipe, split
from freshet.streams.plan import collapse, plan_document
from tests.chaos.caching.upstream import DECLARED, LIST_LENGTH
from tests.support.embedder import CountingEmbedder, vector_of
from tests.support.exact_search import ExactSearch, State

CHOICES: Final = 200
ROUNDING: Final = 1e-4  # of scores that the index and we compute


@dataclass(frozen=True, slots=True)
class Answered:
    """What was asked, what was answered, and how many events had been given to Kafka by then."""

    question: str
    answer: SearchAnswer
    published: int


@dataclass(frozen=True, slots=True)
class Logged:
    """An event as it lies in the log, and which in turn it was when it was given to Kafka."""

    partition: int
    offset: int
    number: int
    event: Event


@dataclass
class Truth:
    """Judges answers; `judged` counts those that were compared with an exact search."""

    judged: int = 0
    _records: dict[tuple[int, int], LedgerRecord | None] = field(default_factory=dict)
    _passages: dict[str, Passage] = field(default_factory=dict)
    _known: dict[Any, SearchAnswer] = field(default_factory=dict)
    _log: dict[str, list[Logged]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._embedder = CountingEmbedder()
        self._recipe = Recipe(window=self._embedder.model.max_tokens)
        rules = SearchRules(fields=DECLARED, list_length=LIST_LENGTH)
        self._exact = ExactSearch(embedder=self._embedder, text=Bm25(), rules=rules)

    def read(self, log: Sequence[Logged]) -> None:
        """Know these events, which are all that there are, in order of each partition."""
        self._log = {}
        for each in log:
            self._log.setdefault(each.event.key, []).append(each)

    async def wrong(self, answered: Answered) -> str | None:
        """What is wrong with an answer, if anything is."""
        request = SearchRequest.model_validate_json(answered.question)
        answer, marks = answered.answer, answered.answer.index.watermarks
        allowed = {key: self._allowed(events, marks, answered.published) for key, events in self._log.items()}
        for result in answer.results:
            states = allowed.get(result.id, [])
            if not any(self._shows(each, result) and passes(each, request) for each in states):
                return f"{result.id} is shown in no state since {marks}: {result!r}; it was {states}"
        if (wrong := _wrong_facets(answer, request, list(allowed.values()))) is not None:
            return f"{wrong} since {marks}"
        if not request.query:
            shown = {result.id for result in answer.results}
            missing = [k for k, s in allowed.items() if k not in shown and all(passes(each, request) for each in s)]
            full = len(answer.results) == request.limit or request.offset
            return f"{missing} pass the filter since {marks}, and are not listed" if missing and not full else None
        return await self._wrong_by_meaning(answer, request, allowed) if request.mode == "dense" else None

    async def _wrong_by_meaning(
        self, answer: SearchAnswer, request: SearchRequest, allowed: Mapping[str, Sequence[LedgerRecord | None]]
    ) -> str | None:
        shown = {result.id: result for result in answer.results}
        options: list[list[State | None]] = []
        halves: list[list[State | None]] = []
        for key, states in allowed.items():
            fitting = [each for each in states if key not in shown or self._shows(each, shown[key])]
            passing = [each if passes(each, request) else None for each in fitting]
            whole = [None if each is None else State(each, each.passages) for each in passing]
            options.append(list({None if each is None else each.found: each for each in whole}.values()))
            halves.append(_halfway(states, request))
        self.judged += prod(map(len, options)) <= CHOICES
        expected = await self._unlike(answer, request, options)
        if expected is not None and any(halves):
            both = [one + other for one, other in zip(options, halves, strict=True)]
            expected = await self._unlike(answer, request, both) and expected
        if expected is None:
            return None
        return f"no choice of states is answered so: {_told(answer)}, but one: {_told(expected)}"

    async def _unlike(
        self, answer: SearchAnswer, request: SearchRequest, options: Sequence[Sequence[State | None]]
    ) -> SearchAnswer | None:
        """None where some choice is answered so, or there are too many; else what another is answered."""
        if prod(map(len, options)) > CHOICES:
            return None
        expected = None
        for choice in product(*options):
            expected = await self._ask(request, [each for each in choice if each is not None])
            if alike(expected, answer):
                return None
        return expected

    async def _ask(self, request: SearchRequest, states: Sequence[State]) -> SearchAnswer:
        known = request.model_dump_json(), tuple(each.identity for each in states)
        if known not in self._known:
            self._known[known] = await self._exact.ask(request, states, self._passages, None)
        return self._known[known]

    def _allowed(self, events: Sequence[Logged], marks: Mapping[int, int], published: int) -> list[LedgerRecord | None]:
        """The states that may be shown; None where there may be no such document."""
        below = [each for each in events if each.offset < marks.get(each.partition, 0)]
        since = [each for each in events if each.offset >= marks.get(each.partition, 0) and each.number <= published]
        first: list[LedgerRecord | None] = [self._record(below[-1])] if below else [None]
        return [*first, *map(self._record, since)]

    def _record(self, logged: Logged) -> LedgerRecord | None:
        """The state that an event makes of its document; None where it ends it."""
        place = logged.partition, logged.offset
        if place not in self._records:
            self._records[place] = self._made(logged.event)
        return self._records[place]

    def _made(self, event: Event) -> LedgerRecord | None:
        def cut(title: str, text: str) -> Any:
            return split(title, text, self._recipe, self._embedder.token_ends)

        plan = plan_document(collapse([event], None, Order.LOG), None, Order.LOG, cut)
        record = plan.record
        if record is None or record.deleted:
            return None
        for new in plan.add:
            terms = Bm25().passage(new.piece.embedded, record.metadata)
            facts = record.title, record.metadata, record.partition, record.rank
            vector = vector_of(new.piece.embedded)
            self._passages[new.id] = Passage(new.id, record.key, None, new.piece.text, *facts, vector, terms)
        return record

    def _shows(self, record: LedgerRecord | None, result: SearchResult) -> bool:
        if record is None:
            return False
        texts = [self._passages[id_].text for id_ in record.passages] or [""]
        return (record.title, record.metadata) == (result.title, result.metadata) and result.text in texts


def passes(record: LedgerRecord | None, request: SearchRequest) -> bool:
    return record is not None and (request.filters is None or matches(request.filters, record.metadata, DECLARED))


def _halfway(states: Sequence[LedgerRecord | None], request: SearchRequest) -> list[State | None]:
    """A document that changes between the calls of a search: a later record, with passages that it had before, too."""
    found: list[State | None] = []
    for before, record in combinations([each for each in states if each is not None], 2):
        both = tuple(id_ for id_ in record.passages if id_ in before.passages)
        if both and both != record.passages and passes(record, request):
            found.append(State(record, both))
    return found


def _wrong_facets(
    answer: SearchAnswer, request: SearchRequest, allowed: Sequence[Sequence[LedgerRecord | None]]
) -> str | None:
    """The least and the most that each value can count."""
    for key in request.facets:
        told = {each.value: each.count for each in answer.facets.get(key, ())}
        values = {value for states in allowed for each in states for value in _values(each, key, request)}
        for value in values | told.keys():
            has = [[value in _values(each, key, request) for each in states] for states in allowed]
            least, most = sum(map(all, has)), sum(map(any, has))
            if not least <= told.get(value, 0) <= most:
                return f"{value!r} of {key} counts {told.get(value, 0)}, not {least} to {most}"
    return None


def _values(record: LedgerRecord | None, key: str, request: SearchRequest) -> set[Any]:
    return set(values_of(key, record.metadata, DECLARED)) if record is not None and passes(record, request) else set()


def alike(one: SearchAnswer, other: SearchAnswer) -> bool:
    """Whether their results are the same, but for the order of equal scores, which nobody promises, and rounding.

    Of several with the score of the last one shown any may be shown.
    """
    scores = [[result.score for result in answer.results] for answer in (one, other)]
    if len(scores[0]) != len(scores[1]) or not all(map(_near, *scores)):
        return False
    last = scores[0][-1] if scores[0] else 0.0
    above = [
        {
            result.id: (result.title, result.text, json.dumps(result.metadata, sort_keys=True))
            for result in answer.results
            if not _near(result.score, last)
        }
        for answer in (one, other)
    ]
    return above[0] == above[1]


def _near(one: float, other: float) -> bool:
    return isclose(one, other, rel_tol=ROUNDING, abs_tol=ROUNDING)


def _told(answer: SearchAnswer) -> Any:
    return [(each.id, round(each.score, 5), each.text[:14]) for each in answer.results], answer.facets
