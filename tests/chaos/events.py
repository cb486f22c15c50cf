"""What upstream does in a run: a history of records, made from a seed and nothing else.

Documents are edited, in one passage of several too, changed back, described anew, repeated, delivered late, deleted and
created again; among them lie records that can never be indexed, and some that the model refuses until it is mended.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from freshet.schemas.positions import Order
from tests.chaos.fold import POISON, UNKNOWN

MAX_BYTES: Final = 20_000  # of an event in these runs; larger ones are dead letters
HOT_SHARE: Final = 0.3  # of all events; they fall on the hot documents
HOT: Final = 5
STRAYS: Final = 5
TENANTS: Final = ("acme", "globex")
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
    tenant: str | None = None
    version: int = 0
    now: Content | None = None
    before: Content | None = None
    last: Draft | None = None
    late: list[Draft] = field(default_factory=list)

    @property
    def key(self) -> str:
        return self.id if self.tenant is None else f"{self.tenant}/{self.id}"

    def says(self, type_: str, **more: Any) -> dict[str, Any]:
        """An event of it."""
        tenant = {} if self.tenant is None else {"tenant": self.tenant}
        return {"type": type_, "id": self.id, **tenant, "version": self.version, **more}


def documents(number: int, *, tenants: bool) -> list[Document]:
    """So many; the ids of one tenant are those of another, too."""
    if not tenants:
        return [Document(f"d{n}") for n in range(number)]
    return [Document(f"d{n // len(TENANTS)}", TENANTS[n % len(TENANTS)]) for n in range(number)]


class Upstream:
    """Makes records without end, from a seed, over these documents, each of which is created first or comes later."""

    def __init__(self, seed: int, documents: Sequence[Document], order: Order) -> None:
        self._rng = random.Random(seed)
        self._order = order
        self._documents = documents
        self._refused: list[Document] = []
        self._recent: dict[str, Document] = {}  # in the order in which they were touched last
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
            self._poison: 1,
            self._puzzle: 2,
        }

    def next(self) -> Draft:
        hot = self._rng.random() < HOT_SHARE
        document = self._rng.choice(self._documents[:HOT] if hot else self._documents)
        self._recent.pop(document.key, None)
        self._recent[document.key] = document
        if document.now is None:
            return self._edit(document)
        [step] = self._rng.choices(list(self._steps), list(self._steps.values()))
        return step(document)

    def next_back(self) -> Draft:
        """A change back of the document that was touched last, and so on to those touched before: what was is again."""
        while self._recent:
            _, document = self._recent.popitem()
            if document.before is not None:
                return self._say(document, document.before, "changed back")
        return self.next()

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
        draft = _draft(document, document.says("delete"), "deleted")
        document.before, document.now, document.last = document.now, None, draft
        return draft

    def _end_by_null(self, document: Document) -> Draft:
        document.before, document.now = document.now, None
        document.last = Draft(document.key.encode(), None, "ended by null")
        return document.last

    def _break(self, document: Document) -> Draft:
        """A record that is nobody's state; its key may be that of a good document, or its own."""
        name = document.id if self._rng.random() < 0.5 else f"bad{self._next()}"
        about = Document(name, document.tenant, document.version + 1)
        body = about.says("upsert", text="never indexed")
        broken: dict[str, bytes] = {
            "not JSON": b'{"type": "upsert", "id": ',
            "not UTF-8": b'{"type": "upsert", "id": "x", "text": "\xff"}',
            "without text": _bytes(about.says("upsert")),
            "with a number for text": _bytes({**body, "text": 7}),
            "of unknown type": _bytes({**body, "type": "patch"}),
            "under another key": _bytes({**body, "id": f"{name}-other"}),
            "oversized": _bytes({**body, "text": "x" * (MAX_BYTES + 1)}),
        }
        if self._order is Order.VERSION:
            broken["without version"] = _bytes({**body, "version": None})
        if document.tenant is None:
            broken["with a tenant"] = _bytes({**body, "tenant": TENANTS[0]})
        else:
            broken["without tenant"] = _bytes({**body, "tenant": None})
        what = self._rng.choice(list(broken))
        return Draft(about.key.encode(), broken[what], what, bad=True)

    def _poison(self, neighbour: Document) -> Draft:
        """A document of its own, one passage of which the model never takes."""
        document = self._another("poisoned", neighbour)
        return replace(self._say(document, self._with(POISON, document), "refused by the model"), bad=True)

    def _puzzle(self, neighbour: Document) -> Draft:
        """A document of its own, which the model refuses until it is mended; and later perhaps what comes after it."""
        if self._refused and self._rng.random() < 0.4:
            document = self._refused.pop(self._rng.randrange(len(self._refused)))
            return self._rng.choice((self._edit, self._end, self._end_by_null))(document)
        document = self._another("puzzling", neighbour)
        self._refused.append(document)
        return self._say(document, self._with(UNKNOWN, document), "refused at first")

    def _another(self, name: str, neighbour: Document) -> Document:
        return Document(f"{name}{self._next()}", neighbour.tenant)

    def _with(self, word: str, document: Document) -> Content:
        passages = (self._passage(), f"Passage {self._next()} {word}.")
        return Content(f"Title {self._next()}", passages, self._metadata(document))

    def _say(self, document: Document, content: Content, what: str) -> Draft:
        document.version += 1
        text = " ".join(content.passages)
        draft = _draft(document, document.says("upsert", text=text, **_facets(content)), what)
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


def filler(number: int, *, tenants: bool) -> Draft:
    """An event of a document that nobody edits, where the log must only grow."""
    document = Document(f"filler{number}", TENANTS[0] if tenants else None, version=1)
    event = document.says("upsert", text="Nothing new.", title="Filler", metadata={})
    return _draft(document, event, "filler")


def stray(number: int, *, astray: bool, tenants: bool) -> Draft:
    """The only good event of a document, or one that lies in another partition and would be newer."""
    document = Document(f"stray{number}", TENANTS[0] if tenants else None, version=1 + astray)
    more = {"astray": True} if astray else {}
    event = document.says("upsert", text="Never elsewhere.", title="Stray", metadata={"kind": KINDS[0]}, **more)
    return _draft(document, event, "astray" if astray else "created")


def _content(document: Document) -> Content:
    assert document.now is not None
    return document.now


def _facets(content: Content) -> dict[str, Any]:
    return {"title": content.title, "metadata": content.metadata}


def _draft(document: Document, event: dict[str, Any], what: str) -> Draft:
    return Draft(document.key.encode(), _bytes(event), what)


def _bytes(event: dict[str, Any]) -> bytes:
    return json.dumps(event).encode()
