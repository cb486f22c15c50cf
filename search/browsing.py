"""Documents without a query: the newest ones, each with its first passage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from freshet.schemas.filters import Filter
from freshet.search.fusion import Candidate, Match
from freshet.search.index.base import IndexReader
from freshet.search.index.records import LedgerRecord, StoredPassage
from freshet.search.retrieval import Passes

_LOOKS: Final = 5  # how often a document that keeps changing is read again


async def newest(
    reader: IndexReader, filters: Filter | None, *, limit: int, tenant: str | None, passes: Passes
) -> list[Candidate]:
    """At most `limit` documents that pass the filter, by when they became searchable, each in one of its states.

    `passes` says the same of a record as the filter does. Raises what the reader raises.
    """
    records = await reader.browse(filters, limit=limit, tenant=tenant)
    texts = await reader.passages(_first(records))
    states = [await _whole(reader, record, texts) for record in records]
    return [_candidate(*state) for state in states if state is not None and passes(state[0])]


async def _whole(
    reader: IndexReader, record: LedgerRecord | None, texts: dict[str, StoredPassage]
) -> tuple[LedgerRecord, str] | None:
    """A state with the text of its first passage; a newer one where that passage was displaced meanwhile."""
    for _ in range(_LOOKS):
        if record is None or record.deleted:
            return None
        if all(id_ in texts for id_ in _first([record])):
            return record, "".join(texts[id_].text for id_ in _first([record]))
        record = (await reader.ledger([record.key])).get(record.key)
        texts = await reader.passages(_first([record] if record else []))
    return None if record is None or record.deleted else (record, "")


def _first(records: Sequence[LedgerRecord]) -> list[str]:
    return [record.passages[0] for record in records if record.passages]


def _candidate(record: LedgerRecord, text: str) -> Candidate:
    first = record.passages[0] if record.passages else ""
    return Candidate(record, 0.0, (), (Match(first, text, ()),))
