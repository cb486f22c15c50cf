"""What a batch of events means for the index: a pure function from events and ledger to a plan.

No I/O happens here. `collapse` finds the event of a document that counts, `plan_document` compares it with the
document's ledger record. The rules stand in docs/architecture.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from freshet.schemas.decoding import BadEvent, Reason
from freshet.schemas.events import Event, Upsert
from freshet.schemas.keys import content_digests, facets_digest
from freshet.schemas.positions import Order, Rank
from freshet.schemas.words import Word
from freshet.search.index.records import LedgerRecord
from freshet.search.passages import Piece, passage_ids

Digests = tuple[str, str]  # of content and metadata
Split = Callable[[str, str], Sequence[Piece]]  # (title, text) → pieces
ANYWHERE = 2**53 - 1  # above all offsets
DELETED = "deleted"  # stands for the content of a tombstone; no digest looks like it


class Outcome(Word):
    """What became of an event; the values are labels of `freshet_events_total` and stand in the change feed."""

    INDEXED = "indexed", "text or title changed, or the document is new"
    METADATA = "metadata", "only metadata changed; nothing was embedded"
    DELETED = "deleted", "a tombstone was written"
    UNCHANGED = "unchanged", "the same content as before"
    REPEATED = "repeated", "a redelivery of what the index holds"
    STALE = "stale", "older than what the index holds"
    SUPERSEDED = "superseded", "a newer event of the document came in the same batch, or another worker was ahead"
    DEAD = "dead", "went to the dead letters"
    IGNORED = "ignored", "a record of `documents.again` that cannot be used"


@dataclass(frozen=True, slots=True)
class Newest:
    """The event of a document that counts, with its rank, and the others of the batch that it stands for.

    `forced` where somebody asked that it be written, whether the index differs from it or not. `ended` is the event of
    the batch whose version a null took: if that one is refused, the null has another version.
    """

    event: Event
    rank: Rank
    superseded: int = 0
    stale: int = 0
    forced: bool = False
    others: tuple[Event, ...] = ()
    ended: Event | None = None


@dataclass(frozen=True, slots=True)
class NewPassage:
    """A passage to be added; `vector_of` names the point that holds its vector already, where one does."""

    id: str
    piece: Piece
    vector_of: str | None = None


@dataclass(frozen=True, slots=True)
class DocumentPlan:
    """What one document needs. Without a `record` nothing is written.

    `read` is the record that the plan was made from: the commit demands that it is still the one stored. `tried` are
    passages of the event that a null ended: embedded, to see whether the model takes them, and not written.
    """

    newest: Newest
    outcome: Outcome
    read: LedgerRecord | None
    record: LedgerRecord | None = None
    add: tuple[NewPassage, ...] = ()
    displaced: tuple[str, ...] = ()
    tried: tuple[NewPassage, ...] = ()

    @property
    def key(self) -> str:
        return self.newest.event.key


def collapse(events: Iterable[Event], record: LedgerRecord | None, order: Order) -> Newest:
    """The newest of one document's events.

    In version order a null takes the version of what it ends and comes just after it; one that lies before the
    record's own event was part of that record's history, so it ranks below everything.
    """
    best: Event | None = None
    ended: Event | None = None
    top = Rank(-1, -1)
    superseded = stale = 0
    forced = False
    several = sorted(events, key=_place)
    for event in several:
        rank = _rank(event, top, record, order)
        if best is None or rank > top:
            superseded += best is not None
            ended = _ended_by(event, rank, best, ended, record) if order is Order.VERSION else None
            best, top, forced = event, rank, _is_forced(event)
        elif rank == top:  # the same event, once from each topic
            superseded += 1
            forced = forced or _is_forced(event)
        else:
            stale += 1
    if best is None:
        raise ValueError("a document without events")
    others = tuple(each for each in several if each is not best)
    return Newest(best, top, superseded, stale, forced, others, ended)


def _ended_by(
    null: Event, rank: Rank, before: Event | None, ended_before: Event | None, record: LedgerRecord | None
) -> Event | None:
    """The event of the batch that gave a null its version; None where the ledger did, or the null says it itself."""
    if null.body is not None or before is None or (record is not None and record.rank.version >= rank.version):
        return None
    return before if before.body is not None else ended_before


def _place(event: Event) -> tuple[int, bool]:
    """The order of the log; of an event that is there from both topics, the one of `documents` first."""
    return event.offset, event.again is not None


def _is_forced(event: Event) -> bool:
    return event.again is not None and event.again.forced


def plan_document(
    newest: Newest, record: LedgerRecord | None, order: Order, split: Split, *, floor: int = -1
) -> DocumentPlan:
    """What the newest event of a document means for what the ledger says of it.

    Up to the offset `floor` the partition's tombstones may be forgotten. Raises BadEvent (partition_moved, forgotten).
    """
    event = newest.event
    if record is None and may_have_ended(event) and _known_until(event) <= floor:
        raise _forgotten(event)
    plan = _plan(newest, record, order, split)
    ended = event if plan.outcome is Outcome.STALE else newest.ended
    if ended is None or ended.upsert is None or plan.record is None:
        return plan
    return replace(plan, tried=tuple(_passages(event.key, event.tenant, ended.upsert, record, split)[1]))


def _plan(newest: Newest, record: LedgerRecord | None, order: Order, split: Split) -> DocumentPlan:
    event = newest.event
    if record is not None and record.partition != event.partition:
        raise _moved(event, record)
    if record is not None and newest.rank == record.rank and not newest.forced:
        return DocumentPlan(newest, Outcome.REPEATED, record)
    if record is not None and newest.rank < record.rank:
        return DocumentPlan(newest, Outcome.STALE, record)
    if record is not None and _ended_by_null(record, event, order):
        return DocumentPlan(newest, Outcome.STALE, record, _raised(record, newest))
    digests = _digests(event)
    if record is not None and not newest.forced and (record.content_digest, record.metadata_digest) == digests:
        return _unchanged(newest, record, digests, order)
    if event.upsert is None:
        return _tombstone(newest, record, digests)
    return _upsert(newest, event.upsert, record, digests, split)


def without(plan: DocumentPlan, gone: LedgerRecord) -> DocumentPlan:
    """The plan, displacing also what a record listed that was taken away before."""
    return replace(plan, displaced=(*plan.displaced, *_unlisted(gone, plan.record)))


def may_have_ended(event: Event) -> bool:
    """Whether its document, where the ledger does not know it, may have ended after the event.

    An end that comes again brings nothing back, and is needed: it may hold off what is older by its version.
    """
    return event.again is not None and event.upsert is not None


def _known_until(event: Event) -> int:
    """The offset below which its document is known not to have ended after the event."""
    return max(event.offset, event.again.until if event.again is not None else 0)


def _rank(event: Event, top: Rank, record: LedgerRecord | None, order: Order) -> Rank:
    if order is Order.LOG:
        return Rank(0, event.offset)
    if event.body is not None:
        return Rank(event.version or 0, event.offset)
    if event.again is not None and event.again.version is not None:
        return Rank(event.again.version, event.offset)
    if record is not None and event.offset <= record.offset:
        return record.rank if event.offset == record.offset else Rank(0, event.offset)
    return Rank(max(top.version, record.rank.version if record else 0), event.offset)


def _ended_by_null(record: LedgerRecord, event: Event, order: Order) -> bool:
    """Whether a null ended everything up to a place after the event's, and so this event too.

    It can be met so late only by way of `documents.again`, where it does not lie in the order of the log.
    """
    return order is Order.VERSION and record.deleted and record.version is None and event.offset < record.offset


def _raised(tombstone: LedgerRecord, newest: Newest) -> LedgerRecord:
    """A null's tombstone, with the version of what it ended, as is known now."""
    return replace(tombstone, rank=Rank(newest.rank.version, tombstone.offset))


def _digests(event: Event) -> Digests:
    body = event.upsert
    if body is None:
        return DELETED, DELETED
    return content_digests(body.title, body.text, body.metadata)


def _forgotten(event: Event) -> BadEvent:
    return BadEvent(
        Reason.FORGOTTEN,
        f"the index has forgotten which documents of partition {event.partition} ended up to offset {event.offset} "
        "and beyond, and this may be one of them; publish the document anew",
    )


def _moved(event: Event, record: LedgerRecord) -> BadEvent:
    return BadEvent(
        Reason.PARTITION_MOVED,
        f"the document is recorded under partition {record.partition} and this event lies in {event.partition}; "
        "set the producer's partitioner to murmur2",
    )


def _unchanged(newest: Newest, record: LedgerRecord, digests: Digests, order: Order) -> DocumentPlan:
    """Nothing to write, unless the record's position must move lest an older state be committed after it.

    That is so when others that say something else were collapsed with this event, for somebody who sleeps may hold one
    of them; when one that lies before it is a dead letter, which may be retried; and in version order, where an event
    may come later and still be older than this one. A record that an event made which had come again moves to one of
    the topic's own, lest it be announced with each that follows (telling.py).
    """
    retriable = record.refused > record.offset
    returned = record.again and newest.event.again is None
    others = any(_digests(each) != digests for each in newest.others)
    must_move = order is Order.VERSION or retriable or returned or others
    position = {**_position(newest), "refused": _refused(newest.event, record)}
    moved = replace(record, **position) if must_move else None
    return DocumentPlan(newest, Outcome.UNCHANGED, record, moved)


def _tombstone(newest: Newest, record: LedgerRecord | None, digests: Digests) -> DocumentPlan:
    tombstone = _record(newest, record, digests, deleted=True)
    return DocumentPlan(newest, Outcome.DELETED, record, tombstone, displaced=record.passages if record else ())


def _upsert(newest: Newest, body: Upsert, old: LedgerRecord | None, digests: Digests, split: Split) -> DocumentPlan:
    ids, add = _passages(newest.event.key, newest.event.tenant, body, None if newest.forced else old, split)
    record = _record(
        newest,
        old,
        digests,
        title=body.title,
        metadata=body.metadata,
        passages=tuple(ids),
        tokens=sum(each.piece.tokens for each in add if each.vector_of is None),
    )
    same_text = old is not None and old.content_digest == record.content_digest and not newest.forced
    outcome = Outcome.METADATA if same_text else Outcome.INDEXED
    return DocumentPlan(newest, outcome, old, record, tuple(add), _unlisted(old, record))


def _unlisted(old: LedgerRecord | None, new: LedgerRecord | None) -> tuple[str, ...]:
    """The passages of a record that its successor does not list."""
    keep = frozenset(new.passages if new is not None else ())
    return tuple(point for point in (old.passages if old is not None else ()) if point not in keep)


def _refused(event: Event, old: LedgerRecord | None) -> int:
    """Up to where dead letters of the document may lie, of which one may be retried.

    Before an event of the documents topic, never after it. What came again may lie below some; which ones, the record
    tells, and where there was none nobody does.
    """
    if event.again is None:
        return -1
    return old.refused if old is not None else ANYWHERE


def _record(newest: Newest, old: LedgerRecord | None, digests: Digests, **state: Any) -> LedgerRecord:
    """The ledger record that commits an event; when it became searchable is known when it is written."""
    event = newest.event
    content, metadata = digests
    return LedgerRecord(
        key=event.key,
        id=event.id,
        tenant=event.tenant,
        partition=event.partition,
        **_position(newest),
        searchable_at=0,
        content_digest=content,
        metadata_digest=metadata,
        refused=_refused(event, old),
        **state,
    )


def _passages(
    key: str, tenant: str | None, body: Upsert, old: LedgerRecord | None, split: Split
) -> tuple[list[str], list[NewPassage]]:
    """The ids of all passages of an upsert, and those of them that the record does not list yet."""
    pieces = split(body.title, body.text)
    ids = passage_ids(key, [piece.text for piece in pieces], facets_digest(body.title, tenant, body.metadata))
    return ids, _additions(key, ids, pieces, body, old)


def _additions(
    key: str, ids: Sequence[str], pieces: Sequence[Piece], body: Upsert, old: LedgerRecord | None
) -> list[NewPassage]:
    """Passages that the record does not list yet, each with the point that has its vector where its text is not new.

    The title is embedded with the text, so vectors are taken over only where it stayed. What a passage of the old
    state would be called is computed, not read: ids are addressed by content.
    """
    had = frozenset(old.passages) if old else frozenset()
    before: list[str | None] = [None] * len(ids)
    if old is not None and old.title == body.title:
        facets = facets_digest(old.title, old.tenant, old.metadata)
        before = [point if point in had else None for point in passage_ids(key, [p.text for p in pieces], facets)]
    return [
        NewPassage(point, piece, source)
        for point, piece, source in zip(ids, pieces, before, strict=True)
        if point not in had
    ]


def _position(newest: Newest) -> dict[str, Any]:
    event = newest.event
    again = event.again is not None
    return {"rank": newest.rank, "version": event.version, "event_time": event.time, "again": again}
