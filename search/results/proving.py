"""Whether changes of the index touch an answer: from (answer, changes) to a reason or None, with no I/O.

Every rule is one-sided: what it lets pass cannot alter the answer, and in doubt it stops it. Why the rules together are
enough stands in docs/caching.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import numpy as np

from freshet.schemas.feed import Fields
from freshet.schemas.fields import Kind
from freshet.schemas.filters import Condition, FieldCondition, Filter, Group
from freshet.schemas.matching import matches, values_of
from freshet.schemas.words import Word
from freshet.search.feed.ring import Changes, Seen, Stretch
from freshet.search.index.records import Vector
from freshet.search.results.entry import Entry, Searched
from freshet.search.sparse import SparseVector

DENSE_ROUNDING: Final = 1e-5  # by which two computations of one cosine may differ, in single precision
SPARSE_ROUNDING: Final = 1e-4  # of the score: its terms are positive, some hundred at most

ONE_BY_ONE: Final = 500  # changes at most, where each has to be looked at by itself: some milliseconds


class Reason(Word):
    """Why an answer that was kept is not given again."""

    CANDIDATE = "candidate", "a document that it was made from has changed"
    UNTOLD = "untold", "a document has changed whose passages the feed does not tell"
    DENSE = "dense", "a changed passage may be one of the nearest by meaning"
    SPARSE = "sparse", "a changed passage may be one of the nearest by words"
    LISTING = "listing", "a changed document may be one of those listed"
    FACETS = "facets", "a changed document may be counted otherwise"
    OLD = "old", "it is older than the changes that are still known, or that it is worth looking at"


Declared = Mapping[str, Kind]
Rule = Callable[[Entry, Stretch, Declared], bool]


def is_worth_it(entry: Entry, changes: Changes) -> bool:
    """Whether holding the changes against the entry takes less time than making it anew.

    For listings, facets and lists that were not full each is looked at by itself, which takes some microseconds.
    """
    if changes.count <= ONE_BY_ONE:
        return True
    return bool(entry.searched) and not entry.facets and all(each.last is not None for each in entry.searched)


def touched(
    entry: Entry, changes: Changes, fields: Declared, rules: Mapping[Reason, Rule] | None = None
) -> Reason | None:
    """The first reason for which the answer may be another after these changes; None where it is the same.

    `changes` are of the entry's version and hold all at `entry.positions` and above; `fields` are declared. `rules`
    can be left out to see that a check can fail.
    """
    for stretch in changes.stretches:
        for reason, rule in (RULES if rules is None else rules).items():
            if rule(entry, stretch, fields):
                return reason
    return None


def _candidate(entry: Entry, stretch: Stretch, fields: Declared) -> bool:  # noqa: ARG001
    """Of the documents that were come across every change counts, of those that were not shown as well."""
    return not entry.met.isdisjoint(stretch.keys)


def _untold(entry: Entry, stretch: Stretch, fields: Declared) -> bool:
    return bool(entry.searched) and any(_may_pass(entry, change, fields) for change in stretch.untold)


def _dense(entry: Entry, stretch: Stretch, fields: Declared) -> bool:
    return any(
        _any_enters(entry, stretch, _near(stretch, each.query, each.last), fields)
        for each in entry.searched
        if not isinstance(each.query, SparseVector)
    )


def _near(stretch: Stretch, query: Vector, last: float | None) -> Any:
    """Which passages may belong in the list; equal scores do."""
    if last is None or not len(stretch.vectors) or stretch.vectors.shape[1] != query.size:
        return np.arange(len(stretch.vectors))
    scale = max(1.0, float(np.linalg.norm(query)))
    scores = stretch.vectors @ query
    return np.flatnonzero(scores + stretch.errors * scale >= last - DENSE_ROUNDING * scale)


def _sparse(entry: Entry, stretch: Stretch, fields: Declared) -> bool:
    return any(
        _any_enters(entry, stretch, _sharing(stretch, each.query, each), fields)
        for each in entry.searched
        if isinstance(each.query, SparseVector)
    )


def _sharing(stretch: Stretch, query: SparseVector, searched: Searched) -> Any:
    """Which passages share a term with the query, and score enough."""
    places, shares = [np.zeros(0, np.int32)], [np.zeros(0)]
    for term, weight in zip(query.indices, query.values, strict=True):
        found = np.flatnonzero(stretch.terms == term)
        places.append(stretch.places[found])
        shares.append(stretch.weights[found].astype(np.float64) * float(weight))
    sharing, scores = np.concatenate(places), np.bincount(np.concatenate(places), np.concatenate(shares))
    if searched.last is None:
        return np.unique(sharing)
    return np.flatnonzero((scores > 0) & (scores >= searched.last * (1 - SPARSE_ROUNDING)))


def _any_enters(entry: Entry, stretch: Stretch, passages: Any, fields: Declared) -> bool:
    return len(passages) > 0 and any(_may_pass(entry, change, fields) for change in stretch.of(passages))


def _listing(entry: Entry, stretch: Stretch, fields: Declared) -> bool:
    """What changes comes to the top of a listing, if it belongs there."""
    return not entry.searched and any(_may_pass(entry, change, fields) for change in stretch.changes)


def _facets(entry: Entry, stretch: Stretch, fields: Declared) -> bool:
    if not entry.facets:
        return False
    ours = (change for change in stretch.changes if not _is_of_another(entry, change))
    return any(not _is_counted_alike(entry, change, fields) for change in ours)


def _is_counted_alike(entry: Entry, change: Seen, fields: Declared) -> bool:
    before, after = change.before, change.after
    if change.alike:  # whatever the filter says, it says it of both
        return True
    if before is None or after is None:
        return False
    passed = [_passes(entry.filters, each, fields) for each in (before, after)]
    if passed == [False, False]:
        return True
    return passed == [True, True] and all(
        _values(before, key, fields) == _values(after, key, fields) for key in entry.facets
    )


def _may_pass(entry: Entry, change: Seen, fields: Declared) -> bool:
    """Whether the state after the change may be one of those that the answer is about."""
    return not _is_of_another(entry, change) and _passes(entry.filters, change.after, fields) is not False


def _is_of_another(entry: Entry, change: Seen) -> bool:
    return entry.tenant is not None and change.tenant != entry.tenant


def _passes(filters: Filter | None, state: Fields | None, fields: Declared) -> bool | None:
    """Whether a state passes the filter, where that is sure; None where it is not."""
    if state is None:
        return None
    if not state.present:
        return False
    if filters is None or filters.is_nothing:
        return None if state.metadata is None else True
    if state.metadata is None or not all(map(_is_sure, _leaves(filters))):
        return None
    return matches(filters, state.metadata, fields)


def _values(state: Fields, key: str, fields: Declared) -> set[Any]:
    return set(values_of(key, state.metadata or {}, fields))


def _leaves(group: Filter | Group) -> Iterator[Condition]:
    conditions = [*group.must, *group.should, *group.must_not]
    if group.min_should is not None:
        conditions += group.min_should.conditions
    for each in conditions:
        if isinstance(each, Group):
            yield from _leaves(each)
        else:
            yield each


def _is_sure(condition: Condition) -> bool:
    """Whether Qdrant and we surely agree: words and places it reads in its own ways (schemas/matching.py)."""
    if not isinstance(condition, FieldCondition):
        return True
    words = condition.match is not None and not condition.match.values
    return not words and condition.geo_bounding_box is None and condition.geo_radius is None


RULES: Final[Mapping[Reason, Rule]] = {
    Reason.CANDIDATE: _candidate,
    Reason.UNTOLD: _untold,
    Reason.DENSE: _dense,
    Reason.SPARSE: _sparse,
    Reason.LISTING: _listing,
    Reason.FACETS: _facets,
}
