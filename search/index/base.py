"""The ports to an index: what the worker, the searches and the operators need of it.

The order of a batch's writes, and why each condition is there, stands in streams/writing.py. Every method raises
TransientError or OverloadedError when it may work later, and PermanentError when it cannot. After any error of a write
its effect is unknown: write it all again, under the same conditions.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from freshet.schemas.filters import Filter
from freshet.schemas.positions import Rank
from freshet.search.index.records import (
    Displaced,
    Hit,
    LedgerRecord,
    Passage,
    Place,
    StoredPassage,
    ValueCount,
    Vector,
)
from freshet.search.sparse import SparseVector
from freshet.search.statistics import TermStatistics

Query = Vector | SparseVector


class IndexReader(Protocol):
    """What a search needs: read-only, and satisfied with a read-only key."""

    async def nearest(
        self, queries: Sequence[Query], *, limit: int, filters: Filter | None = None, tenant: str | None = None
    ) -> list[list[Hit]]:
        """For each query a list of passages, all lists of one call; of one tenant or of all; listed or not.

        By descending cosine similarity to a dense vector (dimension,), by descending inner product with a sparse one,
        whose list holds only passages that share a term with it. Only of documents that pass the filter, here as in the
        methods below; it suits the declared fields (schemas/declared.py) and means what schemas/matching.py says.
        """
        ...

    async def ledger(self, keys: Collection[str]) -> dict[str, LedgerRecord]:
        """The records of these documents, tombstones too; a document that was never seen is absent."""
        ...

    async def passages(self, ids: Collection[str], *, vectors: bool = False) -> dict[str, StoredPassage]:
        """These passages by id, whether listed or not; those that do not exist are absent."""
        ...

    async def newest(self, *, tenant: str | None = None) -> LedgerRecord | None:
        """The record with the highest `searchable_at`, of one tenant or of all; None where there is no record.

        Tombstones count too, and of equal ones it is any.
        Raises PermanentError where the version was made before this could be asked, until a worker has started on it.
        """
        ...

    async def count(self, filters: Filter | None = None, *, tenant: str | None = None) -> int:
        """How many documents one tenant has, or all have together, exactly; tombstones do not count."""
        ...

    async def statistics(self, known: TermStatistics | None = None) -> TermStatistics | None:
        """The newest snapshot, `known` itself where that is it; None before the first."""
        ...

    async def facets(
        self, keys: Collection[str], *, limit: int, filters: Filter | None = None, tenant: str | None = None
    ) -> dict[str, list[ValueCount]]:
        """By field, how many documents have each value: the `limit` most frequent ones, equal counts by value.

        Tombstones do not count. Of values with equal counts at the end of a list any may be the ones left out. Raises
        PermanentError for a field that no worker has made a payload index for yet.
        """
        ...

    async def browse(
        self, filters: Filter | None = None, *, limit: int, tenant: str | None = None, after: Place | None = None
    ) -> list[LedgerRecord]:
        """Documents by descending `searchable_at`, equal ones in an order of their own; tombstones are left out.

        `after` continues behind a document. While nothing changes, pages neither repeat nor skip one, and a longer page
        begins with the shorter one. Raises as `newest`.
        """
        ...


class IndexWriter(Protocol):
    """What a worker needs. Writes return when they are applied and visible to the next read."""

    async def ledger(self, keys: Collection[str]) -> dict[str, LedgerRecord]:
        """As `IndexReader.ledger`."""
        ...

    async def passages(self, ids: Collection[str], *, vectors: bool = False) -> dict[str, StoredPassage]:
        """As `IndexReader.passages`."""
        ...

    async def add(self, passages: Sequence[Passage], *, at_most: Rank) -> None:
        """Add passages of ONE partition; one that exists is overwritten only where its rank is not above `at_most`.

        Idempotent. May be applied in part when it raises.
        """
        ...

    async def commit(self, records: Sequence[LedgerRecord], *, partition: int, read: Collection[int]) -> None:
        """Put records of ONE partition where the stored one's offset is in `read`, or where there is none.

        Idempotent under the same `read`; a refused record is left as it is, without an error: read back to know.
        Records of a document stored under another partition are left as they are, too.
        """
        ...

    async def remove(self, displaced: Sequence[Displaced]) -> None:
        """Delete these passages where their partition is the same and their rank not above each one's `at_most`."""
        ...

    async def forget(self, record: LedgerRecord) -> None:
        """Delete a record where it still stands at this rank; its passages stay, for others may list them by now.

        Only for a state that the log knows nothing of: afterwards an event of any age brings the document back. No
        state of the log stands at its rank, so that a late call deletes none of theirs.
        """
        ...

    def stored(self, partition: int, *, below: int) -> AsyncIterator[Sequence[StoredPassage]]:
        """Pages of all passages of a partition at offsets below `below`, without vectors; listed or not."""
        ...


class Tombstones(Protocol):
    """What forgets the ends of documents."""

    def ended(self, partition: int, *, before: float) -> AsyncIterator[Sequence[LedgerRecord]]:
        """Pages of a partition's tombstones that were written before a moment, in seconds since the epoch."""
        ...

    async def purge(self, ended: Sequence[LedgerRecord]) -> None:
        """Forget tombstones of ONE partition, each only where it still stands as it was read.

        Before that the partition's floor is raised to the highest of their offsets. Idempotent.
        """
        ...

    async def floor(self, partition: int) -> int:
        """The highest offset of a tombstone of this partition that may have been forgotten; -1 where none was.

        Read it after the ledger: then a tombstone is seen in the one or in the other.
        """
        ...


class IndexAudit(IndexWriter, Protocol):
    """What somebody needs who holds the whole index against the log."""

    async def whole(self, ids: Collection[str]) -> dict[str, Passage]:
        """These passages with everything that is stored of them, vectors of unit length; absent where not there."""
        ...

    async def of_document(self, key: str) -> list[Passage]:
        """All passages of a document, listed or not, with everything that is stored of them.

        Slow, for nothing leads to them. Raises PermanentError where the server allows no such look.
        """
        ...

    def records(self) -> AsyncIterator[Sequence[LedgerRecord]]:
        """Pages of the records of all documents, tombstones too, and strays, which `remove` takes by their points."""
        ...


class StatisticsStore(Protocol):
    """Where the snapshots of term statistics are made and kept."""

    async def statistics(self, known: TermStatistics | None = None) -> TermStatistics | None:
        """As `IndexReader.statistics`."""
        ...

    async def count_passages(self) -> int:
        """How many passages there are, listed or not."""
        ...

    def stored_terms(self) -> AsyncIterator[Sequence[SparseVector]]:
        """Pages of the sparse vectors of all passages, in an order that has nothing to do with what they say."""
        ...

    async def keep(self, statistics: TermStatistics) -> None:
        """Make this the newest snapshot, where its number follows that of the newest one; else do nothing.

        Readers see the one or the other, whole. Idempotent.
        """
        ...


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """A physical collection: its name, vector dimension, and what was recorded with it."""

    name: str
    dimension: int
    metadata: Mapping[str, Any]


class IndexVersions(Protocol):
    """What makes and switches index versions: collections behind one alias."""

    async def describe(self, version: str) -> VersionInfo | None:
        """The collection of that name, or None."""
        ...

    async def create(self, info: VersionInfo) -> None:
        """Make the collection with its payload indexes; nothing changes for what exists already. Idempotent."""
        ...

    async def record(self, version: str, facts: Mapping[str, Any]) -> None:
        """Record more with a version that exists; what was recorded under other names stays. Idempotent."""
        ...

    async def names(self) -> list[str]:
        """The names of all versions of this index, in order; those of others that share the server are left out."""
        ...

    async def drop(self, version: str) -> None:
        """Delete the collection with all that it holds; one that is not there is dropped already. Idempotent.

        Raises PermanentError where it is live.
        """
        ...

    async def live(self) -> str | None:
        """The name of the collection behind the alias, or None."""
        ...

    async def make_live(self, version: str) -> None:
        """Point the alias at that version, in one atomic step."""
        ...
