"""What `IndexReader` promises of records, over records in a dictionary: for fakes, and as an oracle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

from freshet.schemas.fields import Kind
from freshet.schemas.filters import Filter
from freshet.schemas.keys import ledger_id
from freshet.schemas.matching import matches, values_of
from freshet.search.index.records import LedgerRecord, Place, ValueCount


class LedgerReading:
    """The methods that count and list documents. `fields` are declared."""

    def __init__(self, fields: Mapping[str, Kind] | None = None) -> None:
        self.records: dict[str, LedgerRecord] = {}
        self.fields = fields or {}

    def passes(self, key: str, filters: Filter | None, tenant: str | None) -> bool:
        """Whether a document, deleted or not, is one of those that are asked for."""
        record = self.records[key]
        return tenant in (None, record.tenant) and (filters is None or matches(filters, record.metadata, self.fields))

    async def newest(self, *, tenant: str | None = None) -> LedgerRecord | None:
        records = (each for each in self.records.values() if tenant in (None, each.tenant))
        return max(records, key=lambda record: record.searchable_at, default=None)

    async def count(self, filters: Filter | None = None, *, tenant: str | None = None) -> int:
        return len(self._such(filters, tenant))

    async def facets(
        self, keys: Collection[str], *, limit: int, filters: Filter | None = None, tenant: str | None = None
    ) -> dict[str, list[ValueCount]]:
        found = {}
        for key in keys:
            values = [set(values_of(key, record.metadata, self.fields)) for record in self._such(filters, tenant)]
            counts = [ValueCount(*each) for each in Counter(value for each in values for value in each).items()]
            found[key] = sorted(counts, key=lambda each: (-each.count, each.value))[:limit]
        return found

    async def browse(
        self, filters: Filter | None = None, *, limit: int, tenant: str | None = None, after: Place | None = None
    ) -> list[LedgerRecord]:
        ordered = sorted(self._such(filters, tenant), key=lambda record: _order(Place.of(record)))
        return [each for each in ordered if after is None or _order(Place.of(each)) > _order(after)][:limit]

    def _such(self, filters: Filter | None, tenant: str | None) -> list[LedgerRecord]:
        return [each for each in self.records.values() if not each.deleted and self.passes(each.key, filters, tenant)]


def _order(place: Place) -> tuple[float, str]:
    return -place.searchable_at, ledger_id(place.key)
