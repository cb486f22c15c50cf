"""Whether an answer is true at the watermark that it reports, by asking anew of every state that it may show.

The index may be ahead of a watermark. So of each document any state may be shown that it had since, and the answer is
true where a search of some choice of them says the same: field by field, what names the search and its time left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, product
from math import prod
from typing import Any, Final

from prometheus_client import CollectorRegistry

from freshet.schemas.filters import Filter
from freshet.schemas.http import SearchAnswer, SearchRequest, SearchResult
from freshet.schemas.matching import matches, values_of
from freshet.search.asking import SearchRules
from freshet.search.index.base import Query, VersionInfo
from freshet.search.index.records import Hit, LedgerRecord, Passage, StoredPassage
from freshet.search.live import LiveIndex, LiveVersion
from freshet.search.metrics import SearchMetrics
from freshet.search.service import SearchService
from freshet.search.snapshots import Snapshots
from freshet.search.statistics import TermStatistics
from tests.support.ledger_reading import LedgerReading
from tests.unit.caching.collection import FIELDS, TEXT, Collection_, NearEmbedder, nearest, stored
from tests.unit.caching.log import Log

UNLIKE: Final = {"query_id", "took_ms", "stages", "cached"}
TIES: Final = tuple("abcdefghijkl")  # orders of equal passages that are tried
CHOICES: Final = 300  # of states that are tried at most for one answer; where there are more, none is judged


@dataclass(frozen=True, slots=True)
class State:
    """A document as a search may find it: its record, and those of its passages that were there to be found."""

    record: LedgerRecord
    found: tuple[str, ...]

    @property
    def identity(self) -> tuple[object, ...]:
        return self.record.key, self.record.rank, self.record.searchable_at, self.found


Choice = tuple[State | None, ...]


@dataclass
class Oracle:
    """Judges answers over one log. `judged` and `passed_over` count them."""

    log: Log
    list_length: int
    tenants: bool
    embedder: NearEmbedder
    judged: int = 0
    passed_over: int = 0
    between: int = 0  # answers that hold a document which changed between the search's calls
    _known: dict[Any, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._frozen = Frozen()
        self._snapshots = Fixed()
        live = LiveVersion(VersionInfo("v", 0, {"topic": "documents"}), self._frozen, self.embedder, TEXT, self._snapshots)
        self._live = Only(live)
        self._service = SearchService(
            index=self._live,  # type: ignore[arg-type]
            embedder=self.embedder,
            metrics=SearchMetrics(CollectorRegistry()),
            rules=SearchRules(self.tenants, FIELDS, self.list_length),
        )

    async def judge(
        self, request: SearchRequest, answer: SearchAnswer, marks: Mapping[int, int],
        collections: Sequence[Collection_], statistics: Collection[TermStatistics | None],
    ) -> str | None:
        """What is wrong with an answer, if anything is.

        `collections` are those of which it may have been read, `statistics` the snapshots that may have weighed it.
        """
        wrongs = [
            wrong
            for collection in collections
            for snapshot in statistics
            if (wrong := await self._wrong(request, answer, marks, collection, snapshot)) is not None
        ]
        self.judged += 1
        return wrongs[0] if len(wrongs) == len(collections) * len(statistics) else None

    async def _wrong(
        self, request: SearchRequest, answer: SearchAnswer, marks: Mapping[int, int], collection: Collection_,
        statistics: TermStatistics | None,
    ) -> str | None:
        shown = {result.id: result for result in answer.results}
        options: list[list[LedgerRecord | None]] = []
        for name, key in self._keys(request):
            allowed = self._allowed(key, collection, marks)
            if name in shown:
                allowed = [each for each in allowed if _shows(each, shown[name], collection)]
                if not allowed:
                    return f"{key} is shown in no state that it had since {dict(marks)}: {shown[name]!r}"
            options.append(_different(request, allowed))
        told, facets = told_of(answer)
        if (wrong := self._wrong_facets(request, facets, self._counted(request, collection, marks))) is not None:
            return wrong
        whole = [[None if each is None else State(each, each.passages) for each in several] for several in options]
        closest = await self._unlike(request, told, whole, collection, statistics)
        if closest is not None and any(len(each) > 1 for each in options):
            seen = [self._allowed(key, collection, marks) for _, key in self._keys(request)]
            halves = [_halfway(states, listing=not request.query) for states in seen]
            more = [each + half for each, half in zip(whole, halves, strict=True)]
            self.between += 1
            for salt in ("", *TIES):
                if closest is not None:
                    closest = await self._unlike(request, told, more, collection, statistics, salt) and closest
        return closest and f"no choice of states since {dict(marks)} is answered so: {told} but for example {closest}"

    def _keys(self, request: SearchRequest) -> list[tuple[str, str]]:
        """Id and key of the documents that may count."""
        return [
            (name, name if tenant is None else f"{tenant}/{name}")
            for name, tenant in self.log.documents
            if request.tenant in (None, tenant)
        ]

    async def _unlike(
        self, request: SearchRequest, told: dict[str, Any], options: Sequence[Sequence[State | None]],
        collection: Collection_, statistics: TermStatistics | None, salt: str = "",
    ) -> dict[str, Any] | None:
        """None where some choice is answered so; else what another is answered."""
        if prod(map(len, options)) > CHOICES:
            self.passed_over += 1
            return None
        closest: dict[str, Any] | None = None
        for choice in product(*options):
            expected, _ = told_of_dict(await self.ask(request, choice, collection, statistics, salt))
            if expected == told:
                return None
            closest = closest or expected
        return closest

    def _wrong_facets(
        self, request: SearchRequest, told: Any, options: Sequence[Sequence[LedgerRecord | None]]
    ) -> str | None:
        """They are counted by another call, which may see other states than the lists do."""
        if not request.facets or prod(map(len, options)) > CHOICES:
            return None
        for choice in product(*options):
            if _facets(request, choice) == told:
                return None
        return f"no choice of states has these values: {told}"

    def _allowed(self, key: str, collection: Collection_, marks: Mapping[int, int]) -> list[LedgerRecord | None]:
        """The states of a document that an answer may show, the newest first; None where it may know nothing of it."""
        partition = self.log.place(key)
        mark = marks.get(partition, 0)
        rank = self.log.changed_at(key, mark)
        states = collection.states.get(key, [])
        moment = collection.reached(partition, mark) if mark else -1
        since = [record for at, record in states if moment is not None and at > moment]
        before = [record for at, record in states if moment is not None and at <= moment]
        last = before[-1:] if before else [None] if rank is None else []
        found: list[LedgerRecord | None] = [*last, *since]
        found += [each for each in before if rank is None or each.rank >= rank]
        found += [None] if rank is None else []
        unique: dict[Any, LedgerRecord | None] = {}
        for each in reversed(found):
            unique.setdefault(None if each is None or each.deleted else (each.rank, each.passages, each.searchable_at), each)
        return list(unique.values())

    async def ask(
        self, request: SearchRequest, choice: Choice, collection: Collection_, statistics: TermStatistics | None,
        salt: str = "",
    ) -> dict[str, Any]:
        """What a search says of an index in which the documents are in these states.

        `salt` decides which of equal passages come first, where a list ends among them.
        """
        number = None if statistics is None else statistics.number
        states = tuple(None if each is None else each.identity for each in choice)
        known = (id(request), id(collection), number, states, salt)
        if known not in self._known:
            self._frozen.show([each for each in choice if each is not None], collection.ever)
            self._snapshots.statistics, self._frozen.salt = statistics, salt
            self._known[known] = (await self._service.search(request)).model_dump(mode="json", exclude=UNLIKE)
        return self._known[known]

    def _counted(
        self, request: SearchRequest, collection: Collection_, marks: Mapping[int, int]
    ) -> list[list[LedgerRecord | None]]:
        """The states that may be counted, of each document those that count differently."""
        if not request.facets:
            return []
        several = [self._allowed(key, collection, marks) for _, key in self._keys(request)]
        return [list({_values(request, each): each for each in states}.values()) for states in several]


def _different(request: SearchRequest, states: Sequence[LedgerRecord | None]) -> list[LedgerRecord | None]:
    """Those that an answer can tell apart; what does not pass the filter might as well not be there."""
    found: dict[Any, LedgerRecord | None] = {}
    exact = request.explain or not request.query
    for each in states:
        if each is None or each.deleted or (request.filters and not matches(request.filters, each.metadata, FIELDS)):
            found.setdefault(None, None)
        else:
            found.setdefault((each.passages, exact and (each.rank, each.searchable_at)), each)
    return list(found.values())


def _halfway(states: Sequence[LedgerRecord | None], *, listing: bool) -> list[State | None]:
    """The states that a document may be found in which changes between the calls of a search.

    A later record, with those of its passages that an earlier state had too; in a listing, in the place of that state.
    """
    found: list[State | None] = []
    for record, before in product(states, states):
        if record is None or before is None or not before.rank < record.rank:
            continue
        both = tuple(id_ for id_ in record.passages if id_ in before.passages)
        if listing:
            found.append(State(replace(record, searchable_at=before.searchable_at), record.passages))
        elif both and both != record.passages:
            found.append(State(record, both))
    return found


def _values(request: SearchRequest, record: LedgerRecord | None) -> Any:
    if record is None or record.deleted or (request.filters and not matches(request.filters, record.metadata, FIELDS)):
        return None
    return tuple(tuple(values_of(key, record.metadata, FIELDS)) for key in request.facets)


def _facets(request: SearchRequest, choice: Sequence[LedgerRecord | None]) -> Any:
    reading = LedgerReading(FIELDS)
    counts: dict[str, dict[Any, int]] = {key: {} for key in request.facets}
    for record in choice:
        if record is None or record.deleted or not reading_passes(reading, record, request.filters):
            continue
        for key, values in counts.items():
            for value in set(values_of(key, record.metadata, FIELDS)):
                values[value] = values.get(value, 0) + 1
    return {
        key: [
            {"value": value, "count": number}
            for value, number in islice(sorted(values.items(), key=lambda each: (-each[1], each[0])), request.facet_limit)
        ]
        for key, values in counts.items()
    }


def reading_passes(reading: LedgerReading, record: LedgerRecord, filters: Filter | None) -> bool:
    return filters is None or matches(filters, record.metadata, reading.fields)


def _shows(record: LedgerRecord | None, result: SearchResult, collection: Collection_) -> bool:
    if record is None or record.deleted:
        return False
    texts = [collection.ever[id_].text for id_ in record.passages] or [""]
    return (record.title, dict(record.metadata)) == (result.title, result.metadata) and result.text in texts


def told_of(answer: SearchAnswer) -> tuple[dict[str, Any], Any]:
    return told_of_dict(answer.model_dump(mode="json", exclude=UNLIKE))


def told_of_dict(body: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
    """What must be equal, and the facets."""
    told = {name: value for name, value in body.items() if name not in {"index", "facets", "degraded"}}
    return told, body.get("facets", {})


class Frozen(LedgerReading):
    """An index that nobody writes to."""

    def __init__(self) -> None:
        super().__init__(FIELDS)
        self.salt = ""
        self._passages: dict[str, Passage] = {}

    def show(self, states: Sequence[State], ever: Mapping[str, Passage]) -> None:
        self.records = {each.record.key: each.record for each in states}
        self._passages = {id_: ever[id_] for each in states for id_ in each.found}

    async def nearest(
        self, queries: Sequence[Query], *, limit: int, filters: Filter | None = None, tenant: str | None = None
    ) -> list[list[Hit]]:
        there, salt = self._passages.values(), self.salt
        return [nearest(there, each, limit=limit, filters=filters, tenant=tenant, salt=salt) for each in queries]

    async def ledger(self, keys: Collection[str]) -> dict[str, LedgerRecord]:
        return {key: self.records[key] for key in keys if key in self.records}

    async def passages(self, ids: Collection[str], *, vectors: bool = False) -> dict[str, StoredPassage]:
        return {id_: stored(self._passages[id_], vectors=vectors) for id_ in ids if id_ in self._passages}

    async def statistics(self, known: TermStatistics | None = None) -> TermStatistics | None:
        return known


class Fixed(Snapshots):
    """One snapshot of term statistics."""

    def __init__(self) -> None:
        self.statistics: TermStatistics | None = None

    async def current(self) -> TermStatistics | None:
        return self.statistics


class Only:
    """The only version that there is."""

    def __init__(self, live: LiveVersion) -> None:
        self.last = self.seen = live

    async def current(self) -> LiveVersion:
        return self.last

    async def use(self, work: Any) -> Any:
        return await work(self.last)


