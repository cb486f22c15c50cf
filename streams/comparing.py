"""Whether the index says of a document what the log says. Pure: what was read goes in, a difference comes out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from freshet.schemas.events import Upsert
from freshet.schemas.keys import canonical_json, digest, facets_digest
from freshet.schemas.words import Word
from freshet.search.index.records import LedgerRecord, Passage, Vector
from freshet.search.passages import Piece, passage_ids
from freshet.streams.folded import Folded

# A float may come back from a payload with another last digit.
_CLOSE: Final = 1e-14
LIKE: Final = 0.999  # cosine of a stored vector and a known or fresh one; bf16 costs 0.00002


class Kind(Word):
    """How the index differs from the log; the values are labels of `freshet_index_drift_documents`."""

    MISSING = "missing", "a document is not in the index, or ended there"
    EXTRA = "extra", "the index holds a document of which the log knows nothing, or a record under a wrong point"
    RESURRECTED = "resurrected", "a document that has ended is there"
    TOMBSTONE = "tombstone", "nothing in the index says that a document has ended"
    TEXT = "text", "title or text are not those of the newest event"
    METADATA = "metadata", "the metadata is not that of the newest event"
    PASSAGE = "passage", "a passage is missing, or is not what the text gives"
    VECTOR = "vector", "the vector of a passage is not that of its text"
    ORPHAN = "orphan", "a passage that belongs to no state of its document, and that no search shows"


@dataclass(frozen=True, slots=True)
class Difference:
    """A document that differs, and how; `found` says it in words."""

    kind: Kind
    key: str
    found: str


def compare(
    folded: Folded, record: LedgerRecord | None, passages: Mapping[str, Passage], pieces: Sequence[Piece]
) -> Difference | None:
    """The difference between the newest event of a document, its ledger record and the passages that this lists.

    `pieces` is what splitting makes of the event. The vectors are not looked at.
    """
    body = folded.event.upsert if folded.event is not None else None
    if body is None:
        return _of_ended(folded.key, record)
    return _of_record(folded.key, body, record) or _of_passages(folded, body, record, passages, pieces)


def _of_ended(key: str, record: LedgerRecord | None) -> Difference | None:
    if record is None:
        return Difference(Kind.TOMBSTONE, key, "there is no record of it")
    return None if record.deleted else Difference(Kind.RESURRECTED, key, f"it is there, {_from(record)}")


def _of_record(key: str, body: Upsert, record: LedgerRecord | None) -> Difference | None:
    if record is None:
        return Difference(Kind.MISSING, key, "there is no record of it")
    if record.deleted:
        return Difference(Kind.MISSING, key, f"it is recorded as ended, {_from(record)}")
    if record.content_digest != digest(body.title, body.text) or record.title != body.title:
        return Difference(Kind.TEXT, key, f"it has another text, {_from(record)}")
    if record.metadata_digest != digest(canonical_json(body.metadata)) or not same(record.metadata, body.metadata):
        return Difference(Kind.METADATA, key, f"it has other metadata, {_from(record)}")
    return None


def _of_passages(
    folded: Folded,
    body: Upsert,
    record: LedgerRecord | None,
    passages: Mapping[str, Passage],
    pieces: Sequence[Piece],
) -> Difference | None:
    listed = record.passages if record is not None else ()
    facets = facets_digest(body.title, body.tenant, body.metadata)
    if tuple(passage_ids(folded.key, [piece.text for piece in pieces], facets)) != listed:
        return Difference(Kind.PASSAGE, folded.key, f"it lists {len(listed)} passages, and not those of its text")
    for number, (point, piece) in enumerate(zip(listed, pieces, strict=True)):
        there = passages.get(point)
        if there is None:
            return Difference(Kind.PASSAGE, folded.key, f"its passage {number} is missing")
        said = (there.key, there.tenant, there.text, there.title)
        if said != (folded.key, body.tenant, piece.text, body.title) or not same(there.metadata, body.metadata):
            return Difference(Kind.PASSAGE, folded.key, f"its passage {number} says something else")
    return None


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal, but for the last digit of a float."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other or math.isclose(one, other, rel_tol=_CLOSE)
    return bool(one == other)


def alike(one: Vector, other: Vector) -> bool:
    """Whether two vectors are of one text, made by one model but not on one machine."""
    if one.shape != other.shape:
        return False
    lengths = float(np.linalg.norm(one)) * float(np.linalg.norm(other))
    return lengths > 0 and float(one @ other) / lengths >= LIKE


def _from(record: LedgerRecord) -> str:
    return f"from offset {record.offset} of partition {record.partition}"
