"""Documents without a query: the newest ones, each with its first passage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from freshet.schemas.filters import Filter
from freshet.search.fusion import Candidate, Match
from freshet.search.index.base import IndexReader
from freshet.search.index.records import LedgerRecord, StoredPassage
from freshet.search.retrieval import Passes, look_again

_ROUNDS: Final = 4  # how often a page is asked for, each time longer, before a shorter one is taken


@dataclass(frozen=True, slots=True)
class Listing:
    """Documents, newest first; `met` and `settled` are as in `Retrieved`."""

    candidates: Sequence[Candidate]
    met: frozenset[str]
    settled: bool


async def newest(
    reader: IndexReader, filters: Filter | None, *, limit: int, tenant: str | None, passes: Passes
) -> Listing:
    """At most `limit` documents that pass the filter, by when they became searchable, each in one of its states.

    `passes` says the same of a record as the filter does. Raises what the reader raises.
    """
    asked, met, settled = limit, set[str](), True
    for _ in range(_ROUNDS):
        records = await reader.browse(filters, limit=asked, tenant=tenant)
        met |= {record.key for record in records}
        shown, whole = await _check(reader, records, passes)
        settled = settled and whole
        missing = limit - len(shown) if len(records) == asked else 0
        if missing <= 0:
            break
        # Always from the top, as in `retrieve`: documents that changed meanwhile have left their places.
        asked += 2 * missing
    return Listing(shown[:limit], frozenset(met), settled and missing <= 0)


async def _check(reader: IndexReader, records: Sequence[LedgerRecord], passes: Passes) -> tuple[list[Candidate], bool]:
    """The documents that are still to be shown, and whether all of their passages were there."""
    texts = await reader.passages({record.passages[0] for record in records if record.passages})
    displaced = {each.key: each for each in records if each.passages and each.passages[0] not in texts}
    newer = {record.key: (record, passages) for record, passages in await look_again(reader, displaced)}
    shown = []
    for record in records:
        if record.key not in displaced:
            shown.append(_candidate(record, [texts[id_] for id_ in record.passages[:1]]))
        elif record.key in newer and passes(newer[record.key][0]):
            shown.append(_candidate(*newer[record.key]))
    return shown, all(len(passages) == len(record.passages) for record, passages in newer.values())


def _candidate(record: LedgerRecord, passages: Sequence[StoredPassage]) -> Candidate:
    """With the first of its passages that are there."""
    first = Match(passages[0].id, passages[0].text, ()) if passages else Match("", "", ())
    return Candidate(record, 0.0, (), (first,))
