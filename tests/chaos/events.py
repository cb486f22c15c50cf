"""What upstream does in a run: a history of records, made from a seed and nothing else.

Documents are edited, in one passage of several too, changed back, described anew, repeated, delivered late, deleted and
created again; among them lie records that can never be indexed.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from freshet.schemas.positions import Order

MAX_BYTES: Final = 20_000  # of an event in these runs; larger ones are dead letters
HOT_SHARE: Final = 0.3  # of all events; they fall on the hot documents
HOT: Final = 5
KINDS: Final = ("harbour", "mountain", "desert", "river")
WORDS: Final = ("lantern", "copper", "orchard", "velvet", "thunder", "gravel", "marble", "willow", "saffron", "cinder")
PASSAGE_WORDS: Final = 18  # with the title near to the model's window, so that each passage is a piece of its own


@dataclass(frozen=True, slots=True)
class Draft:
    """A record before Kafka has it; `what` says what upstream meant by it, or why it is bad."""

    key: bytes
    value: bytes | None
    what: str
    bad: bool = False


@dataclass(frozen=True, slots=True)
class Content:
    """What a document says: everything in it carries a number that no other edit has."""

    title: str
    passages: tuple[str, ...]
    metadata: dict[str, Any]


@dataclass(slots=True)
class Document:
    """A document as upstream sees it: what it says, what it said before, its version, and an event that is held up."""

    id: str
    version: int = 0
    now: Content | None = None
    before: Content | None = None
    last: Draft | None = None
    late: list[Draft] = field(default_factory=list)


def history(seed: int, *, events: int, documents: int, order: Order) -> Iterator[Draft]:
    """`events` records over `documents` documents, each of which is created first or comes later."""
    upstream = _Upstream(random.Random(seed), documents, order)
    for _ in range(events):
        yield upstream.next()


class _Upstream:
    def __init__(self, rng: random.Random, documents: int, order: Order) -> None:
        self._rng = rng
        self._order = order
        self._documents = [Document(f"d{n}") for n in range(documents)]
        self._number = 0
        self._steps: dict[Callable[[Document], Draft], int] = {
            self._edit: 8,
            self._edit_one_passage: 20,
            self._change_back: 10,
            self._describe: 15,
            self._repeat: 10,
            self._hold_up: 8,
            self._deliver_late: 8,
            self._end: 8,
            self._end_by_null: 4,
            self._break: 3,
        }

    def next(self) -> Draft:
        hot = self._rng.random() < HOT_SHARE
        document = self._rng.choice(self._documents[:HOT] if hot else self._documents)
        if document.now is None:
            return self._edit(document)
        [step] = self._rng.choices(list(self._steps), list(self._steps.values()))
        return step(document)

    def _edit(self, document: Document) -> Draft:
        what = "edited" if document.now else "created"
        passages = tuple(self._passage() for _ in range(self._rng.randint(1, 4)))
        return self._say(document, Content(f"Title {self._next()}", passages, self._metadata(document)), what)

    def _edit_one_passage(self, document: Document) -> Draft:
        content = _content(document)
        passages = list(content.passages)
        passages[self._rng.randrange(len(passages))] = self._passage()
        return self._say(document, replace(content, passages=tuple(passages)), "one passage edited")

    def _change_back(self, document: Document) -> Draft:
        return self._say(document, document.before or _content(document), "changed back")

    def _describe(self, document: Document) -> Draft:
        return self._say(document, replace(_content(document), metadata=self._metadata(document)), "described anew")

    def _repeat(self, document: Document) -> Draft:
        return document.last or self._edit(document)

    def _hold_up(self, document: Document) -> Draft:
        """An edit that is published only after the next ones; what comes first is another edit."""
        now, before, last = document.now, document.before, document.last
        document.late.append(self._edit(document))
        document.now, document.before, document.last = now, before, last
        return self._edit_one_passage(document)

    def _deliver_late(self, document: Document) -> Draft:
        if not document.late:
            return self._describe(document)
        late = document.late.pop(self._rng.randrange(len(document.late)))
        return replace(late, what="delivered late")

    def _end(self, document: Document) -> Draft:
        document.version += 1
        draft = _draft(document.id, {"type": "delete", "id": document.id, "version": document.version}, "deleted")
        document.before, document.now, document.last = document.now, None, draft
        return draft

    def _end_by_null(self, document: Document) -> Draft:
        document.before, document.now = document.now, None
        document.last = Draft(document.id.encode(), None, "ended by null")
        return document.last

    def _break(self, document: Document) -> Draft:
        """A record that is nobody's state; its key may be that of a good document, or its own."""
        name = document.id if self._rng.random() < 0.5 else f"bad{self._next()}"
        body = {"type": "upsert", "id": name, "text": "never indexed", "version": document.version + 1}
        broken: dict[str, bytes] = {
            "not JSON": b'{"type": "upsert", "id": ',
            "not UTF-8": b'{"type": "upsert", "id": "x", "text": "\xff"}',
            "without text": json.dumps({**body, "text": None}).encode(),
            "of unknown type": json.dumps({**body, "type": "patch"}).encode(),
            "under another key": json.dumps({**body, "id": f"{name}-other"}).encode(),
            "oversized": json.dumps({**body, "text": "x" * (MAX_BYTES + 1)}).encode(),
        }
        if self._order is Order.VERSION:
            broken["without version"] = json.dumps({**body, "version": None}).encode()
        what = self._rng.choice(list(broken))
        return Draft(name.encode(), broken[what], what, bad=True)

    def _say(self, document: Document, content: Content, what: str) -> Draft:
        document.version += 1
        event = {
            "type": "upsert",
            "id": document.id,
            "title": content.title,
            "text": " ".join(content.passages),
            "metadata": content.metadata,
            "version": document.version,
        }
        draft = _draft(document.id, event, what)
        if content is not document.now:
            document.before = document.now or document.before
        document.now, document.last = content, draft
        return draft

    def _passage(self) -> str:
        number = self._next()
        words = " ".join(self._rng.choices(WORDS, k=PASSAGE_WORDS - 2))
        return f"Passage {number} {words}."

    def _metadata(self, document: Document) -> dict[str, Any]:
        return {"doc": document.id, "kind": self._rng.choice(KINDS), "edition": self._next()}

    def _next(self) -> int:
        self._number += 1
        return self._number


def filler(number: int) -> Draft:
    """An event of a document that nobody edits, where the log must only grow."""
    event: dict[str, Any] = {"id": f"filler{number}", "title": "Filler", "text": "Nothing new.", "metadata": {}}
    return _draft(event["id"], {**event, "type": "upsert", "version": 1}, "filler")


def _content(document: Document) -> Content:
    assert document.now is not None
    return document.now


def _draft(key: str, event: dict[str, Any], what: str) -> Draft:
    return Draft(key.encode(), json.dumps(event).encode(), what)
