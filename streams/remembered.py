"""Ledger records that a worker remembers, so that an event of a document that it has just seen costs no read.

What is remembered is what a plan may start from: the commit demands that it is still stored, so a record that somebody
changed meanwhile costs a second look and nothing else. That holds only while the partitions are one's own; so
everything is forgotten at a rebalance.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable
from typing import Final

from freshet.search.index.records import LedgerRecord

_RECORD: Final = 1_100  # bytes of a record without what is counted below, and of its place here; measured
_PASSAGE: Final = 120
_JSON: Final = 8  # bytes in memory for each character of metadata, about


class RememberedLedger:
    """The records used last, up to about `max_bytes` of memory; none with 0."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._records: OrderedDict[str, tuple[LedgerRecord, int]] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._records)

    def find(self, keys: Collection[str]) -> dict[str, LedgerRecord]:
        """Those of these documents that are remembered."""
        found = {}
        for key in keys:
            if (known := self._records.get(key)) is not None:
                self._records.move_to_end(key)
                found[key] = known[0]
        return found

    def remember(self, records: Iterable[LedgerRecord]) -> None:
        """Take these for what is stored now."""
        for record in records:
            self.forget(record.key)
            size = _size(record)
            self._records[record.key] = record, size
            self.bytes += size
        while self.bytes > self._max_bytes:
            _, (_, size) = self._records.popitem(last=False)
            self.bytes -= size

    def forget(self, key: str) -> None:
        """Read this document's record the next time."""
        if (known := self._records.pop(key, None)) is not None:
            self.bytes -= known[1]

    def clear(self) -> None:
        self._records.clear()
        self.bytes = 0


def _size(record: LedgerRecord) -> int:
    metadata = len(repr(record.metadata)) if record.metadata else 0
    return _RECORD + _PASSAGE * len(record.passages) + len(record.title) + _JSON * metadata
