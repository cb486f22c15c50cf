"""What is published and what is asked: a few documents that change all the time, and a few questions over and over."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from freshet.schemas.events import Delete, Upsert
from freshet.schemas.fields import Kind

PARTITIONS: Final = 4
FIELDS: Final = {"doc": "keyword", "kind": "keyword", "edition": "integer"}
DECLARED: Final = {name: Kind(kind) for name, kind in FIELDS.items()}
LIST_LENGTH: Final = 10  # so that lists are full
KINDS: Final = ("harbour", "mountain", "desert")
WORDS: Final = ("lantern", "copper", "orchard", "velvet", "thunder", "gravel")
DOCUMENTS: Final = 14
PASSAGE_WORDS: Final = 16  # with the title near to the model's window, so that each passage is a piece of its own


@dataclass(slots=True)
class _Document:
    id: str
    passages: list[str] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)


class Upstream:
    """Events without end, from a seed. Each text is new, so that what an answer shows tells from which event it is."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(f"upstream {seed}")
        self._documents = [_Document(f"d{number}") for number in range(DOCUMENTS)]
        self._number = 0

    def next(self) -> Upsert | Delete:
        document, dice = self._rng.choice(self._documents), self._rng.random()
        if dice < 0.1 and document.passages:
            document.passages = []
            return Delete(id=document.id)
        if dice < 0.35 and document.passages:
            document.metadata = self._metadata(document)
        elif dice < 0.7 and document.passages:
            document.passages[self._rng.randrange(len(document.passages))] = self._passage()
        else:
            document.passages = [self._passage() for _ in range(self._rng.randint(1, 3))]
            document.metadata = self._metadata(document)
        return self._event(document)

    def _event(self, document: _Document) -> Upsert:
        return Upsert(
            id=document.id, title=f"Title {document.id}", text=" ".join(document.passages), metadata=document.metadata
        )

    def _passage(self) -> str:
        self._number += 1
        words = " ".join(self._rng.choices(WORDS, k=PASSAGE_WORDS - 2))
        return f"Passage {self._number} {words}."

    def _metadata(self, document: _Document) -> dict[str, Any]:
        self._number += 1
        return {"doc": document.id, "kind": self._rng.choice(KINDS), "edition": self._number % 3, "n": self._number}


def questions(seed: int, number: int) -> list[dict[str, Any]]:
    """So many different ones, of all kinds."""
    rng = random.Random(f"questions {seed}")
    return [_question(rng) for _ in range(number)]


def _question(rng: random.Random) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "query": " ".join(rng.sample(WORDS, rng.randint(1, 3))),
        "mode": rng.choice(("hybrid", "dense", "dense", "sparse")),
        "limit": rng.randint(1, 5),
        "explain": rng.random() < 0.3,
    }
    way = rng.random()
    if way < 0.25:
        asked["filters"] = _match("metadata.kind", rng.choice(KINDS))
    elif way < 0.35:
        asked["filters"] = {"must": [{"key": "metadata.edition", "range": {"gte": 1}}]}
    elif way < 0.5:
        asked |= {"query": "", "filters": _match("metadata.kind", rng.choice(KINDS))}
    elif way < 0.6:
        asked |= {"filters": _match("metadata.doc", f"d{rng.randrange(DOCUMENTS)}")}
    if rng.random() < 0.25:
        asked["facets"] = rng.choice((["metadata.kind"], ["metadata.kind", "metadata.edition"]))
    if rng.random() < 0.2:
        asked["offset"] = 1
    return asked


def _match(key: str, value: str) -> dict[str, Any]:
    return {"must": [{"key": key, "match": {"value": value}}]}


def body_of(question: Mapping[str, Any]) -> str:
    """As text, by which questions are told apart."""
    return json.dumps(question, sort_keys=True)
