"""A rebuild without texts: what a worker would do that reads the log from its beginning into an empty version.

Its own code decides (decoding, `collapse`, `plan_document`), over a ledger of digests in a file, so that memory stays
flat however many documents there are. What is new is known exactly that way; what it takes is learnt from a sample.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from freshet.schemas.decoding import BadEvent, Record, Rules
from freshet.schemas.events import Event, Upsert
from freshet.schemas.keys import digest
from freshet.schemas.positions import Rank
from freshet.schemas.topics import Topics
from freshet.search.index.records import LedgerRecord
from freshet.search.passages import Piece
from freshet.streams.batch import Batch
from freshet.streams.cutting import cut
from freshet.streams.decode import decode_batch
from freshet.streams.forecast.sampling import Sample, bytes_of
from freshet.streams.plan import DELETED, DocumentPlan, collapse, plan_document

_NAME_BYTES: Final = 16
_TABLES: Final = (
    """CREATE TABLE ledger (name BLOB PRIMARY KEY, partition INT, rank INT, place INT, version INT, content TEXT,
                            metadata TEXT, refused INT, bytes INT) WITHOUT ROWID""",
    "CREATE TABLE contents (digest BLOB PRIMARY KEY) WITHOUT ROWID",
)
_QUICK: Final = ("PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", "PRAGMA cache_size=-16000")


@dataclass(slots=True)
class Totals:
    """What the whole log comes to, exactly.

    `events` are the records of the documents topic, `again` those that came again. `documents` are all that they speak
    of, `live` those that have not ended. Bytes are those of titles and texts: `first_bytes` of those that are embedded
    when a document becomes known, `later_bytes` of those that its other events bring (equal ones of any document count
    once), `live_bytes` of what the index holds in the end, and `replaced_bytes` of states that are not embedded only
    because a newer event of their document lies in the same batch.
    """

    events: int = 0
    again: int = 0
    dead: int = 0
    documents: int = 0
    live: int = 0
    first_bytes: int = 0
    later_bytes: int = 0
    live_bytes: int = 0
    replaced_bytes: int = 0


class Known(NamedTuple):
    """What the ledger says of a document; `bytes` are those of its title and text."""

    record: LedgerRecord
    bytes: int


class Rehearsal:
    """`with Rehearsal(file, …) as rehearsal`, then `add` as the records come. The file is the caller's.

    Batches are cut as a worker cuts them, for of a document's events in one batch only the newest is embedded. Each
    document that changes is told to the `sample`.
    """

    def __init__(self, file: Path, *, rules: Rules, topics: Topics, sample: Sample, batch_bytes: int) -> None:
        self.totals = Totals()
        self._rules = rules
        self._topics = topics
        self._sample = sample
        self._batch_bytes = batch_bytes
        self._base = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        for line in (*_QUICK, *_TABLES, "BEGIN"):
            self._base.execute(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._base.close()

    def add(self, records: Sequence[Record]) -> None:
        """What a worker would fetch at once; of each partition in its order."""
        for piece in cut(records, max_bytes=self._batch_bytes):
            self._batch(piece)

    def _batch(self, records: tuple[Record, ...]) -> None:
        batch = Batch(records, {}, {}, 0)
        decode_batch(batch, self._rules, self._topics)
        names = {key: _name(key) for key in batch.events}
        known = self._known(names)
        plans = (self._plan(batch, key, known[key].record if key in known else None) for key in names)
        written = [(plan, plan.record) for plan in plans if plan is not None and plan.record is not None]
        fresh = self._fresh([plan for plan, _ in written])
        for plan, record in written:
            last = None if record.deleted else plan.newest.event.upsert
            self._keep(names[plan.key], record, bytes_of(last))
            self._count(names[plan.key], plan.newest.event, known.get(plan.key), fresh[plan.key], last)
            self.totals.replaced_bytes += sum(map(bytes_of, _replaced(plan)))
        again = sum(record.topic == self._topics.again for record in records)
        self.totals.again += again
        self.totals.events += len(records) - again
        self.totals.dead += len(batch.dead)

    def _plan(self, batch: Batch, key: str, record: LedgerRecord | None) -> DocumentPlan | None:
        """As the indexer plans, but for the passages."""
        while events := batch.events[key]:
            newest = collapse(events, record, self._rules.order)
            try:
                return plan_document(newest, record, self._rules.order, _no_passages)
            except BadEvent as error:
                batch.refuse(newest.event, error)
        return None

    def _fresh(self, plans: Iterable[DocumentPlan]) -> dict[str, list[Upsert]]:
        """By document the contents that no event before had, of any document: the others are in the cache by then."""
        told = {plan.key: {digest(body.title, body.text): body for body in _bodies(plan)} for plan in plans}
        seen = self._seen({each for bodies in told.values() for each in bodies})
        fresh: dict[str, list[Upsert]] = {}
        for key, bodies in told.items():
            new = {each: body for each, body in bodies.items() if each not in seen}
            seen |= new.keys()
            fresh[key] = list(new.values())
            self._base.executemany("INSERT INTO contents VALUES (?)", [(bytes.fromhex(each),) for each in new])
        return fresh

    def _count(
        self, name: bytes, event: Event, known: Known | None, fresh: Sequence[Upsert], last: Upsert | None
    ) -> None:
        totals = self.totals
        totals.documents += known is None
        totals.live += (last is not None) - (known is not None and not known.record.deleted)
        totals.live_bytes += bytes_of(last) - (known.bytes if known else 0)
        added = sum(map(bytes_of, fresh))
        totals.first_bytes += added if known is None else 0
        totals.later_bytes += added if known is not None else 0
        self._sample.note(name, event, fresh, last)

    def _keep(self, name: bytes, record: LedgerRecord, size: int) -> None:
        state = (record.partition, *record.rank, record.version, record.content_digest, record.metadata_digest)
        row = (name, *state, record.refused, size)
        self._base.execute("INSERT OR REPLACE INTO ledger VALUES (?,?,?,?,?,?,?,?,?)", row)

    def _known(self, names: Mapping[str, bytes]) -> dict[str, Known]:
        keys = {name: key for key, name in names.items()}
        rows = self._select("SELECT * FROM ledger WHERE name IN", list(keys))
        return {keys[row[0]]: _known(keys[row[0]], row) for row in rows}

    def _seen(self, digests: Collection[str]) -> set[str]:
        rows = self._select("SELECT digest FROM contents WHERE digest IN", [bytes.fromhex(each) for each in digests])
        return {digest.hex() for (digest,) in rows}

    def _select(self, query: str, values: Sequence[bytes]) -> Iterator[Any]:
        return self._base.execute(f"{query} ({','.join('?' * len(values))})", values)


def _name(key: str) -> bytes:
    return blake2b(key.encode(), digest_size=_NAME_BYTES).digest()


def _known(key: str, row: Sequence[Any]) -> Known:
    _, partition, rank, place, version, content, metadata, refused, size = row
    record = LedgerRecord(
        key=key,
        id=key,
        tenant=None,
        partition=partition,
        rank=Rank(rank, place),
        version=version,
        event_time=0,
        searchable_at=0,
        content_digest=content,
        metadata_digest=metadata,
        deleted=content == DELETED,
        refused=refused,
    )
    return Known(record, size)


def _bodies(plan: DocumentPlan) -> list[Upsert]:
    """What the model is given for a plan: its event's text, and that of an event which a null ended."""
    events = (plan.newest.ended, plan.newest.event)
    return [each.upsert for each in events if each is not None and each.upsert is not None]


def _replaced(plan: DocumentPlan) -> list[Upsert]:
    """The states of a batch that others replaced; those that nobody would embed again are left out."""
    bodies = [each.upsert for each in plan.newest.others]
    several = {(body.title, body.text): body for body in bodies if body is not None}
    for body in _bodies(plan):
        several.pop((body.title, body.text), None)
    return list(several.values())


def _no_passages(_title: str, _text: str) -> Sequence[Piece]:
    return ()
