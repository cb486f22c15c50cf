"""What is stored of a record: the vocabulary of points and payloads, and the way there and back."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from qdrant_client import models

from freshet.schemas.keys import ledger_id
from freshet.schemas.positions import Rank
from freshet.search.index.records import Hit, LedgerRecord, Passage, StoredPassage, Work
from freshet.search.sparse import SparseVector

DENSE: Final = "dense"  # the named vectors of passages
SPARSE: Final = "sparse"
PASSAGE: Final = "passage"  # the kinds of point
LEDGER: Final = "ledger"
STATISTICS: Final = "statistics"
STATISTICS_PART: Final = "statistics part"
FLOOR: Final = "floor"  # of the tombstones that are forgotten
# Conditions on ranges compare as 64-bit floats, which are exact to 2^53 only. Offsets stay below; versions, which may
# well be nanoseconds, are therefore kept as two words of 32 bits.
RANK: Final = ("rank_high", "rank_low", "offset")
HIT: Final = ["key", "text", *RANK]  # what is read of a point; the client takes lists only
STORED: Final = [*HIT, "partition"]
_WORD: Final = 32
# Floats of a payload may come back with another last digit than the index compares, so moments that are compared are
# whole microseconds.
_MICROSECONDS: Final = 1_000_000
_WORK_TIMES: Final = 4  # the first fields of `Work`


def rank_payload(rank: Rank) -> dict[str, int]:
    high, low = divmod(rank.version, 1 << _WORD)
    return {"rank_high": high, "rank_low": low, "offset": rank.offset}


def microseconds(moment: float) -> int:
    """A moment, in seconds since the epoch, as it is stored and compared."""
    return round(moment * _MICROSECONDS)


def passage_point(passage: Passage) -> models.PointStruct:
    payload = {
        "kind": PASSAGE,
        "key": passage.key,
        "text": passage.text,
        "title": passage.title,
        "tenant": passage.tenant,
        "metadata": dict(passage.metadata),
        "partition": passage.partition,
        **rank_payload(passage.rank),
    }
    vectors: dict[str, Any] = {DENSE: passage.vector.tolist()}
    if passage.terms:
        vectors[SPARSE] = sparse_vector(passage.terms)
    return models.PointStruct(id=passage.id, vector=vectors, payload=payload)


def sparse_vector(terms: SparseVector) -> models.SparseVector:
    return models.SparseVector(indices=terms.indices.tolist(), values=terms.values.tolist())


def stored_terms(point: models.Record) -> SparseVector:
    """The sparse vector of a point that was read with it; an empty one where it has none."""
    found = point.vector.get(SPARSE) if isinstance(point.vector, dict) else None
    if not isinstance(found, models.SparseVector):
        return SparseVector.of({})
    order = np.argsort(np.asarray(found.indices, np.uint32))
    return SparseVector(np.asarray(found.indices, np.uint32)[order], np.asarray(found.values, np.float32)[order])


def ledger_point(record: LedgerRecord) -> models.PointStruct:
    """A point without vectors, so that no search by vector ever finds it."""
    payload = {
        "kind": LEDGER,
        "key": record.key,
        "id": record.id,
        "tenant": record.tenant,
        "partition": record.partition,
        **rank_payload(record.rank),
        "version": record.version,
        "event_time": record.event_time,
        "searchable_at": microseconds(record.searchable_at),
        "content_digest": record.content_digest,
        "metadata_digest": record.metadata_digest,
        "title": record.title,
        "metadata": dict(record.metadata),
        "passages": list(record.passages),
        "tokens": record.tokens,
        "deleted": record.deleted,
        "refused": record.refused,
        "again": record.again,
        "work": None if record.work is None else _work_payload(record.work),
    }
    return models.PointStruct(id=ledger_id(record.key), vector={}, payload=payload)


def ledger_record(point: models.Record) -> LedgerRecord:
    payload = point.payload or {}
    return LedgerRecord(
        key=payload["key"],
        id=payload["id"],
        tenant=payload["tenant"],
        partition=payload["partition"],
        rank=_rank(payload),
        version=payload["version"],
        event_time=payload["event_time"],
        searchable_at=payload["searchable_at"] / _MICROSECONDS,
        content_digest=payload["content_digest"],
        metadata_digest=payload["metadata_digest"],
        title=payload["title"],
        metadata=payload["metadata"],
        passages=tuple(payload["passages"]),
        tokens=payload["tokens"],
        deleted=payload["deleted"],
        refused=payload.get("refused", -1),  # records were written without it, and without the next ones
        again=payload.get("again", False),
        work=_work(payload.get("work")),
    )


def _work_payload(work: Work) -> list[int]:
    """The fields in their order, for there is one of these a document; times in microseconds."""
    times = (work.fetched_at, work.decode, work.plan, work.embed)
    return [*map(microseconds, times), work.embedded, work.cached, work.taken_over, work.tokens]


def _work(stored: list[int] | None) -> Work | None:
    if stored is None:
        return None
    fetched, decode, plan, embed = (each / _MICROSECONDS for each in stored[:_WORK_TIMES])
    return Work(fetched, decode, plan, embed, *stored[_WORK_TIMES:])


def hit(point: models.ScoredPoint) -> Hit:
    payload = point.payload or {}
    return Hit(str(point.id), payload["key"], payload["text"], point.score, _rank(payload))


def stored_passage(point: models.Record) -> StoredPassage:
    payload = point.payload or {}
    vectors = point.vector if isinstance(point.vector, dict) else {}
    dense = vectors.get(DENSE)
    vector = None if dense is None else np.asarray(dense, np.float32)
    terms = None if vector is None else stored_terms(point)
    return StoredPassage(
        str(point.id), payload["key"], payload["text"], payload["partition"], _rank(payload), vector, terms
    )


def whole_passage(point: models.Record) -> Passage:
    """A passage that was read with its whole payload and its vectors."""
    payload = point.payload or {}
    vectors = point.vector if isinstance(point.vector, dict) else {}
    return Passage(
        id=str(point.id),
        key=payload["key"],
        tenant=payload["tenant"],
        text=payload["text"],
        title=payload["title"],
        metadata=payload["metadata"],
        partition=payload["partition"],
        rank=_rank(payload),
        vector=np.asarray(vectors.get(DENSE, ()), np.float32),
        terms=stored_terms(point),
    )


def _rank(payload: dict[str, Any]) -> Rank:
    return Rank((payload["rank_high"] << _WORD) + payload["rank_low"], payload["offset"])
