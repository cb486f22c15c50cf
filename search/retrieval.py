"""From a query's vectors to lists of passages, checked against the states that their documents are in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from freshet.schemas.filters import Filter
from freshet.search.index.base import IndexReader, Query
from freshet.search.index.records import Hit, LedgerRecord, StoredPassage
from freshet.search.sparse import SparseVector

_ROUNDS: Final = 4  # how often lists are asked for, each time longer, before shorter ones are taken
_LOOKS: Final = 5  # how often a document that keeps changing is read again


Passes = Callable[[LedgerRecord], bool]


def _everything(_record: LedgerRecord) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Retrieved:
    """For each query its list, best first, and by document key the state that all hits of a document belong to.

    For whoever wants to know later whether the lists are still right: `last` is by list the score below which nothing
    is in it, None where whatever is found at all is in it; `met` are the keys of all documents that were come across,
    shown or not. `settled` is False where something was given up, so that the lists say less than the index held.
    """

    lists: tuple[tuple[Hit, ...], ...]
    states: Mapping[str, LedgerRecord]
    last: tuple[float | None, ...] = ()
    met: frozenset[str] = frozenset()
    settled: bool = True


async def retrieve(
    reader: IndexReader,
    queries: Sequence[Query],
    *,
    length: int,
    filters: Filter | None = None,
    tenant: str | None = None,
    passes: Passes = _everything,
) -> Retrieved:
    """The `length` passages that are nearest to each query, by their inner products; equal ones by document key.

    Dense vectors have unit length. What the ledger does not list is not shown; a document that changed meanwhile is
    shown in its newer state, if that one belongs in a list: `passes` says of a record what `filters` say of passages.
    Raises what the reader raises.
    """
    asked, met = length, set[str]()
    for _ in range(_ROUNDS):
        found = await reader.nearest(queries, limit=asked, filters=filters, tenant=tenant)
        met |= {hit.key for hits in found for hit in hits}
        checked = await _check(reader, queries, found, full=asked, passes=passes)
        missing = [
            length - len(shown)
            for shown, hits in zip(checked.lists, found, strict=True)
            if len(hits) == asked and len(shown) < length
        ]
        if not missing:
            break
        # Always from the top: in a list that is continued, what moves up meanwhile would be skipped.
        asked += 2 * max(missing)
    lists = tuple(shown[:length] for shown in checked.lists)
    last = tuple(hits[-1].score if len(hits) == length else None for hits in lists)
    return Retrieved(lists, checked.states, last, frozenset(met), checked.settled and not missing)


async def _check(
    reader: IndexReader, queries: Sequence[Query], found: Sequence[Sequence[Hit]], *, full: int, passes: Passes
) -> Retrieved:
    """The states that the hits' documents are in, and those of their passages that may be shown.

    Passages that a state does not list are what a write in progress or a crash left behind. They may also mean that the
    document changed after the search, which then knew nothing of its new passages: those are read by their ids.
    """
    states = _alive(await reader.ledger({hit.key for hits in found for hit in hits}))
    listed = {key: set(record.passages) for key, record in states.items()}
    doubtful = {hit.key for hits in found for hit in hits if hit.key in states and hit.id not in listed[hit.key]}
    again = await look_again(reader, {key: states.pop(key) for key in doubtful}) if doubtful else []
    newer = [(record, passages) for record, passages in again if passes(record)]
    settled = all(len(passages) == len(record.passages) for record, passages in again)
    lists = []
    for query, hits in zip(queries, found, strict=True):
        shown = [hit for hit in hits if hit.key in states]
        shown += [hit for _, passages in newer for hit in _scored(passages, query)]
        if len(hits) == full:
            # What lies below a full list is unknown, so nothing from there may be put before it.
            shown = [hit for hit in shown if hit.score >= hits[-1].score]
        lists.append(tuple(sorted(shown, key=_order)))
    return Retrieved(tuple(lists), states | {record.key: record for record, _ in newer}, settled=settled)


async def look_again(
    reader: IndexReader, states: Mapping[str, LedgerRecord]
) -> list[tuple[LedgerRecord, list[StoredPassage]]]:
    """Each document's state with all of its passages; a document that ended meanwhile is left out.

    A listed passage that does not exist was displaced between the two reads, so the next state is read. One that keeps
    changing is shown at last with what was found of its latest state.
    """
    found = []
    for look in range(_LOOKS):
        stored = await reader.passages({id_ for record in states.values() for id_ in record.passages}, vectors=True)
        changed = set()
        for key, record in states.items():
            passages = [stored[id_] for id_ in record.passages if id_ in stored]
            if len(passages) == len(record.passages) or look == _LOOKS - 1:
                found.append((record, passages))
            else:
                changed.add(key)
        if not changed:
            break
        states = _alive(await reader.ledger(changed))
    return found


def _alive(records: Mapping[str, LedgerRecord]) -> dict[str, LedgerRecord]:
    return {key: record for key, record in records.items() if not record.deleted}


def _scored(passages: Sequence[StoredPassage], query: Query) -> list[Hit]:
    """Those of the passages that belong in the query's list; of a sparse one, those that share a term with it."""
    scored = [Hit(each.id, each.key, each.text, _score(each, query), each.rank) for each in passages]
    return [hit for hit in scored if hit.score > 0 or not isinstance(query, SparseVector)]


def _score(passage: StoredPassage, query: Query) -> float:
    if isinstance(query, SparseVector):
        return 0.0 if passage.terms is None else query.dot(passage.terms)
    return 0.0 if passage.vector is None else float(query @ passage.vector)


def _order(hit: Hit) -> tuple[float, str, str]:
    return -hit.score, hit.key, hit.id
