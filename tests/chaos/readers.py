"""Searches all the while: what they were answered, and whether that could be true."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from freshet import SearchClient
from freshet.schemas.errors import OutsideError
from tests.chaos.events import KINDS, WORDS, Document
from tests.chaos.fold import Fold, State

MODES: Final = ("hybrid", "dense", "sparse")
PAUSE_SECONDS: Final = 0.04  # between two searches of a reader, so that there is time left for what is read


@dataclass(frozen=True, slots=True)
class Shown:
    """A document as an answer showed it; `id` is its key."""

    id: str
    title: str
    text: str
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What was asked, which watermarks were announced before, and what was answered.

    `kind` is what a filter demanded; `document` the only one that could answer.
    """

    asked: str
    marks: Mapping[int, int]
    shown: tuple[Shown, ...]
    kind: str | None = None
    document: str | None = None


@dataclass(frozen=True, slots=True)
class Wrong:
    """An answer that cannot be true; `what` is one of `mixed`, `stale`, `resurrected`, `missing`, `unasked`."""

    what: str
    key: str
    expected: str
    found: str


class Watermarks:
    """Follows the change feed: `marks` are those below which everything is indexed, by partition."""

    def __init__(self, bootstrap: str, topic: str, partitions: int) -> None:
        self.marks: dict[int, int] = {}
        self._bootstrap = bootstrap
        self._partitions = [TopicPartition(topic, each) for each in range(partitions)]

    async def follow(self) -> None:
        async with AIOKafkaConsumer(bootstrap_servers=self._bootstrap, auto_offset_reset="earliest") as consumer:
            consumer.assign(self._partitions)
            while True:
                with suppress(KafkaError):
                    for several in (await consumer.getmany(timeout_ms=200)).values():
                        for record in several:
                            self._take(json.loads(record.value))

    def _take(self, said: dict[str, Any]) -> None:
        if said["kind"] == "watermark":
            partition, offset = said["partition"], said["offset"]
            self.marks[partition] = max(self.marks.get(partition, 0), offset)


@dataclass
class Reader:
    """Asks in all ways, one after the other, until it is cancelled; errors are counted, answers kept."""

    client: SearchClient
    watermarks: Watermarks
    documents: Sequence[Document]
    rng: random.Random
    answers: list[Answer] = field(default_factory=list)
    errors: int = 0

    async def read(self) -> None:
        while True:
            about = self.rng.choice(self.documents)
            asked, kind, document = self._question(about)
            marks = dict(self.watermarks.marks)
            try:
                answer = await self.client.search(**asked)
            except OutsideError:
                self.errors += 1
            else:
                shown = tuple(
                    Shown(Document(each.id, about.tenant).key, each.title, each.text, each.metadata)
                    for each in answer.results
                )
                self.answers.append(Answer(json.dumps(asked), marks, shown, kind, document))
            await asyncio.sleep(PAUSE_SECONDS)

    def _question(self, about: Document) -> tuple[dict[str, Any], str | None, str | None]:
        """What to ask for, of the tenant of a document, with the kind that is asked for, or the document itself."""
        asked: dict[str, Any] = {
            **({} if about.tenant is None else {"tenant": about.tenant}),
            "query": " ".join(self.rng.sample(WORDS, 2)),
            "mode": self.rng.choice(MODES),
            "limit": self.rng.randint(1, 20),
        }
        way = self.rng.choice(("any", "kind", "listing", "document"))
        if way == "any":
            return asked, None, None
        if way == "document":
            return {**asked, "mode": "dense", "filters": _match("metadata.doc", about.id)}, None, about.key
        kind = self.rng.choice(KINDS)
        if way == "listing":
            del asked["query"]
        return {**asked, "filters": _match("metadata.kind", kind)}, kind, None


def _match(field: str, value: str) -> dict[str, Any]:
    return {"must": [{"key": field, "match": {"value": value}}]}


def wrongs(answer: Answer, fold: Fold) -> Iterator[Wrong]:
    """What is wrong with an answer, given the fold of the whole log."""
    for shown in answer.shown:
        found = f"{shown} for {answer.asked} at {dict(answer.marks)}"
        history = fold.documents.get(shown.id)
        if history is None or not any(_is(shown)(state) for state in history.states):
            yield Wrong("mixed", shown.id, "one state of the document", found)
            continue
        may = history.since(answer.marks.get(history.partition, 0))
        if not any(_is(shown)(state) for state in may):
            yield Wrong("resurrected" if may[0].ended else "stale", shown.id, f"{may[0]} or newer", found)
        if answer.kind not in (None, shown.metadata["kind"]) or answer.document not in (None, shown.id):
            yield Wrong("unasked", shown.id, answer.asked, found)
    keys = [shown.id for shown in answer.shown]
    for key in {key for key in keys if keys.count(key) > 1}:
        yield Wrong("mixed", key, "each document once", f"{keys} for {answer.asked}")
    yield from _missing(answer, fold)


def _missing(answer: Answer, fold: Fold) -> Iterator[Wrong]:
    """Whether the only document that could answer was not found, though it was there all the time."""
    history = fold.documents.get(answer.document or "")
    if answer.shown or history is None:
        return
    mark = answer.marks.get(history.partition, 0)
    if history.known_below(mark) and not any(state.ended for state in history.since(mark)):
        found = f"nothing for {answer.asked} at {dict(answer.marks)}"
        yield Wrong("missing", answer.document or "", str(history.since(mark)[0]), found)


def _is(shown: Shown) -> Callable[[State], bool]:
    said = (shown.title, shown.metadata)
    return lambda state: not state.ended and (state.title, state.metadata) == said and shown.text in state.text
