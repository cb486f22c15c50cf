"""A close look at the documents of a sample: their passages, and which of them have vectors already."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from freshet.schemas.events import Upsert
from freshet.schemas.keys import canonical_json, facets_digest
from freshet.search.bm25 import Bm25
from freshet.search.passages import Piece, passage_ids
from freshet.streams.forecast.sampling import Sampled, bytes_of
from freshet.streams.plan import Split

PAGE: Final = 64  # documents
PASSAGE_FIELDS: Final = 150  # bytes of a passage's payload, beside key, title, text, tenant and metadata
RECORD_FIELDS: Final = 370  # of a ledger record's, beside key, id, title, tenant, metadata and its passages
NAME_BYTES: Final = 39  # of a passage in the list of its record
Advance = Callable[[int], object]


class Amount(NamedTuple):
    """Some passages, and their tokens without special ones."""

    passages: int = 0
    tokens: int = 0

    @classmethod
    def of(cls, pieces: Collection[Piece]) -> Amount:
        return cls(len(pieces), sum(piece.tokens for piece in pieces))


class Vectors(Protocol):
    """Where vectors are that need not be made."""

    async def known(self, texts: Sequence[str]) -> list[Any | None]:
        """Those of the embedding cache, in the order of the texts."""
        ...

    async def held(self, points: Mapping[str, str]) -> Collection[str]:
        """Of these passages, by their ids and with their titles, those whose vectors the live version holds."""
        ...


class Texts(NamedTuple):
    """Texts that are embedded for a document, each once, and the bytes of the states that they are of.

    `cached` ones have their vectors in the embedding cache, `taken` ones in the live version, `unknown` ones nowhere.
    """

    bytes: int
    cached: Amount
    taken: Amount
    unknown: Amount


class Look(NamedTuple):
    """What a document takes, and what the index holds of it in the end; `payload` is in bytes, as `last_bytes` are."""

    first: Texts
    later: Texts
    last_bytes: int
    passages: int
    terms: int
    payload: int


@dataclass(slots=True)
class Looks:
    """All of a sample; `unknown` are some of the passages whose vectors have to be made, `most` at most.

    `seconds` were spent on cutting texts of `split_bytes` bytes into passages.
    """

    most: int
    found: list[Look] = field(default_factory=list)
    unknown: list[Piece] = field(default_factory=list)
    seconds: float = 0.0
    split_bytes: int = 0


class _New(NamedTuple):
    """A text that is embedded for a document, and the point that it would be."""

    piece: Piece
    point: str
    title: str


class _Cut(NamedTuple):
    """A document in passages: what is embedded for it at first and later, and what stays."""

    document: Sampled
    first: list[_New]
    later: list[_New]
    passages: int
    terms: int
    payload: int


async def look_closely(
    documents: Sequence[Sampled], *, split: Split, text: Bm25, vectors: Vectors, most: int, advance: Advance
) -> Looks:
    """Look at documents, some at a time. Raises what `vectors` raises."""
    looks = Looks(most)
    for start in range(0, len(documents), PAGE):
        page = documents[start : start + PAGE]
        began = time.perf_counter()
        cut = await asyncio.to_thread(_cut_all, page, split, text)
        looks.seconds += time.perf_counter() - began
        looks.split_bytes += sum(bytes_of(body) for each in page for body in (*each.first, *each.later))
        new = [new for each in cut for new in (*each.first, *each.later)]
        cached = await _cached(new, vectors)
        taken = set(await vectors.held({each.point: each.title for each in new if each.piece.embedded not in cached}))
        for each in cut:
            _note(looks, each, cached, taken)
        advance(len(page))
    return looks


async def _cached(new: Sequence[_New], vectors: Vectors) -> set[str]:
    texts = [each.piece.embedded for each in new]
    known = await vectors.known(texts)
    return {text for text, vector in zip(texts, known, strict=True) if vector is not None}


def _note(looks: Looks, cut: _Cut, cached: Collection[str], taken: Collection[str]) -> None:
    def texts(states: Sequence[Upsert], new: Sequence[_New]) -> Texts:
        ways: dict[str, list[Piece]] = {"cached": [], "taken": [], "unknown": []}
        for piece, point, _ in new:
            way = "cached" if piece.embedded in cached else "taken" if point in taken else "unknown"
            ways[way].append(piece)
        looks.unknown += ways["unknown"][: looks.most - len(looks.unknown)]
        return Texts(sum(map(bytes_of, states)), *(Amount.of(pieces) for pieces in ways.values()))

    document = cut.document
    first, later = texts(document.first, cut.first), texts(document.later, cut.later)
    looks.found.append(Look(first, later, bytes_of(document.last), cut.passages, cut.terms, cut.payload))


def _cut_all(documents: Sequence[Sampled], split: Split, text: Bm25) -> list[_Cut]:
    return [_cut(each, split, text) for each in documents]


def _cut(document: Sampled, split: Split, text: Bm25) -> _Cut:
    seen: set[str] = set()
    first, later = (_new(document, states, split, seen) for states in (document.first, document.later))
    last = document.last
    if last is None:
        return _Cut(document, first, later, 0, 0, RECORD_FIELDS)
    pieces = split(last.title, last.text)
    terms = sum(text.passage(each.embedded, last.metadata).indices.size for each in pieces)
    return _Cut(document, first, later, len(pieces), terms, payload_bytes(document, last, pieces))


def _new(document: Sampled, states: Sequence[Upsert], split: Split, seen: set[str]) -> list[_New]:
    """The texts of states that were not seen before, in their order."""
    found = []
    for body in states:
        pieces = split(body.title, body.text)
        facets = facets_digest(body.title, document.tenant, body.metadata)
        points = passage_ids(document.key, [each.text for each in pieces], facets)
        for piece, point in zip(pieces, points, strict=True):
            if piece.embedded not in seen:
                seen.add(piece.embedded)
                found.append(_New(piece, point, body.title))
    return found


def payload_bytes(document: Sampled, body: Upsert, pieces: Sequence[Piece]) -> int:
    """The JSON of what an index holds of a document, in bytes, about: of its passages and of its ledger record."""
    seen = [document.key, document.tenant or "", body.title, canonical_json(body.metadata)]
    each = sum(len(part.encode()) for part in seen)
    record = RECORD_FIELDS + each + len(document.key.encode()) + NAME_BYTES * len(pieces)
    return record + sum(PASSAGE_FIELDS + each + len(piece.text.encode()) for piece in pieces)
