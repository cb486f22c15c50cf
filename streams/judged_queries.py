"""The last queries and what people thought of their results, read back from `search.queries` and `search.feedback`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from statistics import fmean
from typing import Final, NamedTuple, TypeVar

from pydantic import ValidationError

from freshet.schemas.decoding import Record
from freshet.schemas.filters import Filter
from freshet.schemas.http import Mode
from freshet.schemas.keys import canonical_json
from freshet.schemas.queries import FeedbackRecord, QueryRecord
from freshet.schemas.topics import Topics
from freshet.search.index.facts import is_version_of
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.reader import KafkaReader

R = TypeVar("R", QueryRecord, FeedbackRecord)
LOOK_BACK: Final = 10  # so many records of each partition are looked at for every query that is wanted


@dataclass(frozen=True, slots=True)
class JudgedQuery:
    """A query that people asked, and by document id what they thought of its results: 0 (useless) to 1.

    What several thought of one result is their mean.
    """

    text: str
    tenant: str | None
    filters: Filter | None
    mode: Mode
    limit: int
    judgements: Mapping[str, float] = field(default_factory=dict)


async def last_queries(
    connection: KafkaConnection, topics: Topics, n: int, *, index: str | None = None
) -> list[JudgedQuery]:
    """At most the `n` queries that were asked last, the newest first; each once, however often it was asked.

    Only those that were recorded with their text and, of an `index`, that its versions answered: all services over one
    Kafka share the topics. Needs Read on both. Raises TransientError where Kafka cannot be reached, DeniedError where
    it refuses us, PermanentError where a topic is missing.
    """
    questions = Questions(n, index=index)
    async with KafkaReader(connection, topics.queries) as reader:
        spans = await reader.spans()
        newest = {number: span[-LOOK_BACK * n :] for number, span in spans.items()}
        async for records in reader.read(newest):
            questions.add(records)
    since = questions.since()
    if since is None:
        return []
    async with KafkaReader(connection, topics.feedback) as reader:
        async for records in reader.read(await reader.since(since.timestamp())):
            questions.judge(records)
    return questions.judged()


class _Said(NamedTuple):
    time: datetime
    score: float


@dataclass(slots=True)
class _Question:
    """A query with its last asking, the time of its first, the results of each, and what was said of those."""

    last: QueryRecord
    since: datetime
    shown: dict[str, frozenset[str]] = field(default_factory=dict)
    said: dict[tuple[str, str], _Said] = field(default_factory=dict)

    def judgements(self) -> dict[str, float]:
        scores: dict[str, list[float]] = {}
        for (_, document), said in self.said.items():
            scores.setdefault(document, []).append(said.score)
        return {document: fmean(each) for document, each in scores.items()}


class Questions:
    """The `n` different queries that were asked last, of the records that it is given in any order.

    It holds twice as many at most. Records that are not as ours are passed over.
    """

    def __init__(self, n: int, *, index: str | None = None) -> None:
        self._n = n
        self._index = index
        self._questions: dict[str, _Question] = {}
        self._asked: dict[str, _Question] = {}

    def add(self, records: Iterable[Record]) -> None:
        """Take records of `search.queries`; those without text or without a query say nothing."""
        for record in records:
            asked = _parsed(QueryRecord, record)
            if asked is None or not asked.query or self._is_foreign(asked):
                continue
            question = self._questions.setdefault(_same(asked), _Question(asked, asked.time))
            question.since = min(question.since, asked.time)
            if asked.time >= question.last.time:
                question.last = asked
            question.shown[asked.query_id] = frozenset(document for document, _ in asked.results)
            if len(self._questions) > 2 * self._n:
                self._forget()

    def since(self) -> datetime | None:
        """When one of the queries was asked first, None where there is none. After this none is taken any more."""
        self._forget()
        self._asked = {id_: question for question in self._questions.values() for id_ in question.shown}
        return min((question.since for question in self._questions.values()), default=None)

    def judge(self, records: Iterable[Record]) -> None:
        """Take records of `search.feedback`; what is said of a result that a query did not have counts for nothing."""
        for record in records:
            said = _parsed(FeedbackRecord, record)
            question = None if said is None else self._asked.get(said.query_id)
            if said is None or question is None or said.tenant != question.last.tenant:
                continue
            place = said.query_id, said.id
            before = question.said.get(place)
            if said.id in question.shown[said.query_id] and (before is None or before.time <= said.time):
                question.said[place] = _Said(said.time, said.score)

    def judged(self) -> list[JudgedQuery]:
        """The queries with their judgements, the newest first."""
        return [_told(question) for question in self._newest()]

    def _is_foreign(self, asked: QueryRecord) -> bool:
        return self._index is not None and not is_version_of(self._index, asked.index_version)

    def _newest(self) -> list[_Question]:
        return sorted(self._questions.values(), key=lambda each: each.last.time, reverse=True)[: self._n]

    def _forget(self) -> None:
        self._questions = {_same(each.last): each for each in self._newest()}


def _told(question: _Question) -> JudgedQuery:
    last = question.last
    return JudgedQuery(last.query or "", last.tenant, last.filters, last.mode, last.limit, question.judgements())


def _same(asked: QueryRecord) -> str:
    """The same for equal questions, whichever page of the answer was asked for."""
    filters = asked.model_dump(include={"filters"})["filters"]
    return canonical_json([asked.query, asked.tenant, asked.mode, filters])


def _parsed(model: type[R], record: Record) -> R | None:
    try:
        return model.model_validate_json(record.value or b"")
    except ValidationError:
        return None
