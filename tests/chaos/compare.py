"""Whether an index is the fold of the log: every ledger record, every passage, every vector, every dead letter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from aiokafka import ConsumerRecord
from qdrant_client import AsyncQdrantClient

from tests.chaos.fold import Fold, State
from tests.support.embedder import vector_of

PAGE: Final = 1_000
CLOSE: Final = 1e-5


@dataclass(slots=True)
class Point:
    """A passage as it is stored."""

    payload: Mapping[str, Any]
    vector: list[float]


@dataclass(slots=True)
class Found:
    """Everything in a collection that is of a document: payloads of ledger records by key, passages by id."""

    ledger: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    passages: dict[str, Point] = field(default_factory=dict)

    @property
    def orphans(self) -> list[str]:
        """Ids of passages that no record lists."""
        listed = {each for record in self.ledger.values() for each in record["passages"]}
        return [each for each in self.passages if each not in listed]


@dataclass(frozen=True, slots=True)
class Difference:
    """Where the index is not the fold; `what` is `lost`, `resurrected`, `different`, `orphan` or `dead letter`."""

    what: str
    key: str
    expected: str
    found: str


async def read_collection(client: AsyncQdrantClient, collection: str) -> Found:
    """Everything, by the client and not by our readers."""
    found, page = Found(), None
    while True:
        points, page = await client.scroll(
            collection, limit=PAGE, offset=page, with_payload=True, with_vectors=["dense"]
        )
        for point in points:
            payload = point.payload or {}
            if payload["kind"] == "ledger":
                found.ledger[payload["key"]] = payload
            elif payload["kind"] == "passage":
                found.passages[str(point.id)] = Point(payload, _dense(point.vector))
        if page is None:
            return found


def _dense(vector: Any) -> list[float]:
    return list(vector["dense"])


def compare(fold: Fold, found: Found) -> Iterator[Difference]:
    """Every difference between the fold of the log and what the index holds."""
    for key, history in fold.documents.items():
        record = found.ledger.get(key)
        if record is None:
            yield Difference("lost", key, str(history.last), "no ledger record")
        elif record["deleted"] != history.last.ended:
            yield Difference("lost" if record["deleted"] else "resurrected", key, str(history.last), str(record))
        else:
            yield from _document(key, history.last, record, found)
    for key in found.ledger.keys() - fold.documents.keys():
        yield Difference("different", key, "nothing: no event of it is good", str(found.ledger[key]))
    for point in found.orphans:
        yield Difference("orphan", found.passages[point].payload["key"], "no such passage", str(found.passages[point]))


def _document(key: str, state: State, record: Mapping[str, Any], found: Found) -> Iterator[Difference]:
    if state.ended:
        if record["passages"]:
            yield Difference("resurrected", key, "no passages", str(record))
        return
    points = [found.passages.get(each) for each in record["passages"]]
    there = [each for each in points if each is not None]
    said = (record["title"], record["metadata"], "".join(each.payload["text"] for each in there))
    if len(there) < len(points) or said != (state.title, state.metadata, state.text):
        yield Difference("different", key, str(state), f"{said}, passages {points}; record {record}")
    for each in there:
        if (each.payload["title"], each.payload["metadata"]) != (state.title, state.metadata):
            yield Difference("different", key, str(state), f"a passage says {each.payload}")
        if not np.allclose(each.vector, vector_of(f"{state.title}. {each.payload['text']}"), atol=CLOSE):
            yield Difference("different", key, f"the vector of {each.payload['text']!r}", str(each.vector))


def compare_letters(fold: Fold, letters: Iterable[ConsumerRecord[bytes, bytes]], topic: str) -> Iterator[Difference]:
    """Whether each bad record is a dead letter with its bytes and reason, and nothing else is.

    What was retried may have been one, and marks tell that it was.
    """
    buried = dict(_letter(letter) for letter in letters if "state" not in dict(letter.headers))
    for record in fold.retried:
        buried.pop(f"{topic}/{record.partition}@{record.offset}", None)
    for record, reason in fold.bad:
        expected = (record.key, record.value, reason)
        if (found := buried.pop(origin := f"{topic}/{record.partition}@{record.offset}", None)) != expected:
            yield Difference("dead letter", record.key.decode(), f"of {origin}: {expected}", str(found))
    for origin, found in buried.items():
        yield Difference("dead letter", (found[0] or b"").decode(), f"no dead letter of {origin}", str(found))


def _letter(record: ConsumerRecord[bytes, bytes]) -> tuple[str, tuple[bytes | None, bytes | None, str]]:
    headers = {name: value.decode() for name, value in record.headers}
    return headers["origin"], (record.key, record.value, headers["reason"])


def explain(difference: Difference, fold: Fold) -> str:
    """Enough to understand it: what was expected, what was found, and all that the log holds of the document."""
    records = fold.records.get(difference.key, [])
    log = "\n".join(f"    {each.partition}@{each.offset}: {(each.value or b'null')[:300]!r}" for each in records)
    return (
        f"{difference.what}: {difference.key}\n  expected: {difference.expected}\n  found:    {difference.found}\n"
        f"  the log's records of the document:\n{log}"
    )
