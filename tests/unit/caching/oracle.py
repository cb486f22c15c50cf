"""Whether an answer is true at the watermarks that it reports, by asking anew of every state that it may show.

The index may be ahead of a watermark. So of each document any state may be shown that it had since, and the answer is
true where a search of some choice of them says the same: field by field, what names the search and its time left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, product
from math import prod
from typing import Any, Final

from freshet.schemas.http import SearchAnswer, SearchRequest, SearchResult
from freshet.schemas.matching import matches, values_of
from freshet.search.asking import SearchRules
from freshet.search.index.records import LedgerRecord
from freshet.search.statistics import TermStatistics
from tests.support.exact_search import BY_KEYS, ExactSearch, State
from tests.support.ties import Ties
from tests.unit.caching.collection import FIELDS, TEXT, IndexVersion, NearEmbedder
from tests.unit.caching.log import Log

UNLIKE: Final = {"query_id", "took_ms", "stages", "cached", "index", "degraded", "pending", "facets"}
CHOICES: Final = 300  # of states that are tried for one answer; where there are more, it is not judged
TIES: Final = (Ties(), *map(Ties, "abcdefghijkl"))  # orders of equal passages that are tried
Records = list[LedgerRecord | None]
States = list[State | None]


@dataclass(frozen=True, slots=True)
class View:
    """What an answer may have been read from, and since when."""

    request: SearchRequest
    version: IndexVersion
    statistics: TermStatistics | None
    marks: Mapping[int, int]


@dataclass
class Oracle:
    """Judges answers over one log. It counts the `judged`, those that it has `passed_over`, for there were too many
    choices, and those that hold a document which changed `between` the calls of the search, or end among equals."""

    log: Log
    rules: SearchRules
    embedder: NearEmbedder
    judged: int = 0
    passed_over: int = 0
    between: int = 0
    _known: dict[Any, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._exact = ExactSearch(embedder=self.embedder, text=TEXT, rules=self.rules)

    async def wrong(self, answer: SearchAnswer, views: Sequence[View], *, settled: bool = False) -> str | None:
        """What is wrong with an answer that must be true of one of these views, if anything is.

        In a `settled` world, in which nobody is at work, no document is between two states.
        """
        self.judged += 1
        found = None
        for view in views:
            found = await self._wrong(answer, view, settled=settled)
            if found is None:
                return None
        return found

    async def _wrong(self, answer: SearchAnswer, view: View, *, settled: bool) -> str | None:
        shown = {result.id: result for result in answer.results}
        options: list[Records] = []
        for name, key in self._keys(view.request):
            allowed = self._allowed(key, view)
            if name in shown:
                allowed = [each for each in allowed if _shows(each, shown[name], view.version)]
                if not allowed:
                    return f"{key} is shown in no state that it had since {dict(view.marks)}: {shown[name]!r}"
            options.append(_different(view.request, allowed))
        if (wrong := self._wrong_facets(answer, view)) is not None:
            return wrong
        told = answer.model_dump(mode="json", exclude=UNLIKE)
        whole: list[States] = [
            [None if each is None else State(each, each.passages) for each in several] for several in options
        ]
        closest = await self._unlike(told, whole, view)
        if closest is not None:
            self.between += 1
            if not settled:
                halves = [_halfway(self._allowed(key, view), view.request) for _, key in self._keys(view.request)]
                whole = [one + other for one, other in zip(whole, halves, strict=True)]
            keys = dict(self._keys(view.request))
            orders = chain(TIES, *(each.as_shown(answer, keys) for each in TIES))
            closest = await self._unlike_in_any_order(told, whole, view, orders)
        if closest is None:
            return None
        return f"no choice of states since {dict(view.marks)} is answered so: {told} but one: {closest}"

    async def _unlike_in_any_order(
        self, told: dict[str, Any], options: list[States], view: View, orders: Iterable[Ties]
    ) -> dict[str, Any] | None:
        """As `_unlike`, whichever of equal passages a list holds that ends among them."""
        closest = None
        for ties in orders:
            closest = await self._unlike(told, options, view, ties)
            if closest is None:
                return None
        return closest

    def _keys(self, request: SearchRequest) -> list[tuple[str, str]]:
        """Id and key of the documents that may count."""
        return [
            (name, name if tenant is None else f"{tenant}/{name}")
            for name, tenant in self.log.documents
            if request.tenant in (None, tenant)
        ]

    async def _unlike(
        self, told: dict[str, Any], options: Sequence[States], view: View, ties: Ties = BY_KEYS
    ) -> dict[str, Any] | None:
        """None where some choice is answered so; else what another is answered."""
        if prod(map(len, options)) > CHOICES:
            self.passed_over += 1
            return None
        closest: dict[str, Any] | None = None
        for choice in product(*options):
            expected = await self._ask(choice, view, ties)
            if expected == told:
                return None
            closest = closest or expected
        return closest

    async def _ask(self, choice: Sequence[State | None], view: View, ties: Ties) -> dict[str, Any]:
        states = [each for each in choice if each is not None and not each.record.deleted]
        number = None if view.statistics is None else view.statistics.number
        known = (id(view.request), id(view.version), number, tuple(each.identity for each in states), ties)
        if known not in self._known:
            answer = await self._exact.ask(view.request, states, view.version.ever, view.statistics, ties=ties)
            self._known[known] = answer.model_dump(mode="json", exclude=UNLIKE)
        return self._known[known]

    def _wrong_facets(self, answer: SearchAnswer, view: View) -> str | None:
        """They are counted by a call of their own, which may see other states than the lists do."""
        request = view.request
        if not request.facets:
            return None
        several = [self._allowed(key, view) for _, key in self._keys(request)]
        options = [{_values(request, each): each for each in states} for states in several]
        if prod(map(len, options)) > CHOICES:
            return None
        told = {key: [(each.value, each.count) for each in counts] for key, counts in answer.facets.items()}
        if any(_facets(request, choice) == told for choice in product(*options)):
            return None
        return f"no choice of states since {dict(view.marks)} has these values: {told}"

    def _allowed(self, key: str, view: View) -> Records:
        """The states of a document that an answer may show, the newest first; None where it may know nothing of it."""
        partition = self.log.place(key)
        mark = view.marks.get(partition, 0)
        rank = self.log.changed_at(key, mark)
        states = view.version.states.get(key, [])
        moment = view.version.reached(partition, mark) if mark else -1
        since = [record for at, record in states if moment is not None and at > moment]
        before = [record for at, record in states if moment is not None and at <= moment]
        last: Records = [*before[-1:]] if before else [None] if rank is None else []
        found = [*last, *since, *(each for each in before if rank is None or each.rank >= rank)]
        found += [None] if rank is None else []
        unique: dict[Any, LedgerRecord | None] = {}
        for each in reversed(found):
            unique.setdefault(_identity(each), each)
        return list(unique.values())


def _whole(record: LedgerRecord | None) -> State | None:
    return None if record is None else State(record, record.passages)


def _identity(record: LedgerRecord | None) -> Any:
    if record is None or record.deleted:
        return None
    return record.rank, record.passages, record.searchable_at


def _shows(record: LedgerRecord | None, result: SearchResult, version: IndexVersion) -> bool:
    if record is None or record.deleted:
        return False
    texts = [version.ever[id_].text for id_ in record.passages] or [""]
    return (record.title, dict(record.metadata)) == (result.title, result.metadata) and result.text in texts


def _passes(record: LedgerRecord | None, request: SearchRequest) -> bool:
    if record is None or record.deleted:
        return False
    return request.filters is None or matches(request.filters, record.metadata, FIELDS)


def _different(request: SearchRequest, states: Records) -> Records:
    """Those that an answer can tell apart; what does not pass the filter might as well not be there."""
    found: dict[Any, LedgerRecord | None] = {}
    exact = request.explain or not request.query
    for each in states:
        if each is None or not _passes(each, request):
            found.setdefault(None, None)
        else:
            found.setdefault((each.passages, exact and (each.rank, each.searchable_at)), each)
    return list(found.values())


def _halfway(states: Records, request: SearchRequest) -> States:
    """The states that a document may be found in which changes between the calls of a search.

    A later record, with those of its passages that an earlier state had too; in a listing, in the place of that state.
    """
    found: States = []
    for record, before in product(states, states):
        if record is None or before is None or not before.rank < record.rank:
            continue
        both = tuple(id_ for id_ in record.passages if id_ in before.passages)
        if not request.query:
            found.append(State(replace(record, searchable_at=before.searchable_at), record.passages))
        elif both and both != record.passages:
            found.append(State(record, both))
    return found


def _values(request: SearchRequest, record: LedgerRecord | None) -> Any:
    """What a document counts for; None for nothing."""
    if record is None or not _passes(record, request):
        return None
    return tuple(tuple(set(values_of(key, record.metadata, FIELDS))) for key in request.facets)


def _facets(request: SearchRequest, choice: Collection[Any]) -> Any:
    counts: dict[str, dict[Any, int]] = {key: {} for key in request.facets}
    for values in choice:
        for key, several in zip(request.facets, values or ((),) * len(request.facets), strict=True):
            for value in several:
                counts[key][value] = counts[key].get(value, 0) + 1
    return {
        key: sorted(found.items(), key=lambda each: (-each[1], each[0]))[: request.facet_limit]
        for key, found in counts.items()
    }
