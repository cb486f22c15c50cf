"""Passages and records with the few parts that a test is about."""

from __future__ import annotations

from typing import Any

import numpy as np

from freshet.schemas.keys import passage_id
from freshet.schemas.positions import Rank
from freshet.search.index.records import Displaced, LedgerRecord, Passage, Vector
from freshet.search.sparse import SparseVector, term_id

DIMENSION = 4
LONG_AGO = Rank(0, 0)


def unit(*numbers: float) -> Vector:
    vector = np.zeros(DIMENSION, np.float32)
    vector[: len(numbers)] = numbers
    return vector / np.linalg.norm(vector)


def words(text: str) -> SparseVector:
    """Each word of a text weighs 1."""
    return SparseVector.of({term_id(word): 1.0 for word in text.split()})


def passage(text: str = "text", **parts: Any) -> Passage:
    key = parts.setdefault("key", "doc")
    defaults: dict[str, Any] = {
        "id": passage_id(key, text, 0, parts.pop("facets", "")),
        "tenant": None,
        "title": "",
        "metadata": {},
        "partition": 0,
        "rank": LONG_AGO,
        "vector": unit(1),
        "terms": words(text),
    }
    return Passage(text=text, **(defaults | parts))


def record(key: str = "doc", offset: int = 0, **parts: Any) -> LedgerRecord:
    defaults: dict[str, Any] = {
        "id": key,
        "tenant": None,
        "partition": 0,
        "rank": Rank(0, offset),
        "version": None,
        "event_time": 1_700_000_000.25,
        "searchable_at": 1_700_000_001.5,
        "content_digest": f"content of {offset}",
        "metadata_digest": "metadata",
    }
    return LedgerRecord(key=key, **(defaults | parts))


def displaced(*passages: Passage, at_most: Rank, partition: int = 0) -> Displaced:
    return Displaced(tuple(item.id for item in passages), partition, at_most)
