"""Documents that change by chance, and what their log says that they are."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, Final

from freshet.schemas.events import Delete, Event, Upsert
from freshet.schemas.keys import canonical_json
from freshet.schemas.positions import Order, Rank

PARTITIONS: Final = 2
WORDS: Final = ("red", "sky", "sea", "sun", "oak")
KINDS: Final = ("a", "b")
TENANTS: Final = ("acme", "globex")


class Log:
    """The documents topic: two partitions, a handful of documents, which tenants have under the same ids."""

    def __init__(self, rng: random.Random, order: Order, *, tenants: bool, documents: int) -> None:
        self._rng = rng
        self._order = order
        owners = TENANTS if tenants else (None,)
        self.documents = [(f"d{number}", tenant) for number in range(documents) for tenant in owners]
        self.partitions: list[list[Event]] = [[] for _ in range(PARTITIONS)]
        self._bodies: dict[str, list[Upsert]] = {}

    def place(self, key: str) -> int:
        return sum(key.encode()) % PARTITIONS

    def publish(self) -> Event:
        """One more event."""
        name, tenant = self._rng.choice(self.documents)
        key = name if tenant is None else f"{tenant}/{name}"
        partition = self.place(key)
        offset = len(self.partitions[partition])
        body = self._body(name, tenant, key)
        if body is not None and self._order is Order.VERSION:
            body = body.model_copy(update={"version": max(0, offset + self._rng.randint(-4, 2))})
        if isinstance(body, Upsert):
            self._bodies.setdefault(key, []).append(body)
        event = Event(key, tenant, name, partition, offset, float(offset), body)
        self.partitions[partition].append(event)
        return event

    def _body(self, name: str, tenant: str | None, key: str) -> Upsert | Delete | None:
        dice, before = self._rng.random(), self._bodies.get(key)
        if dice < 0.12:
            return self._rng.choice((None, Delete(id=name, tenant=tenant, version=0)))
        if dice < 0.3 and before:
            return before[-1].model_copy(update={"metadata": self._metadata()})
        if dice < 0.45 and before:
            return self._rng.choice(before)
        text = self._text()
        title = self._rng.choice(("", "", "sun", "oak"))
        return Upsert(id=name, tenant=tenant, text=text, title=title, metadata=self._metadata())

    def _text(self) -> str:
        """Words by chance, or those of some document in another order, which is as near to most queries."""
        others = [bodies[-1].text.split() for bodies in self._bodies.values()]
        if others and self._rng.random() < 0.4:
            words = self._rng.choice(others)
            return " ".join(self._rng.sample(words, len(words)))
        return " ".join(self._rng.choice(WORDS) for _ in range(self._rng.randint(0, 6)))

    def _metadata(self) -> dict[str, Any]:
        made: dict[str, Any] = {"kind": self._rng.choice(KINDS), "words": self._rng.choice(WORDS)}
        return made if self._rng.random() < 0.3 else {**made, "n": self._rng.randint(0, 2)}

    def changed_at(self, key: str, below: int) -> Rank | None:
        """The rank of the event that made a document what it is by its events below an offset; None before the first.

        Events that change nothing leave it as it is.
        """
        found, shape = None, None
        for rank, told in self._fold(key, below):
            if found is None or told != shape:
                found, shape = rank, told
        return found

    def _fold(self, key: str, below: int) -> Iterator[tuple[Rank, str | None]]:
        version = -1
        for event in self.partitions[self.place(key)][:below]:
            if event.key != key:
                continue
            own = event.version if self._order is Order.VERSION and event.body is not None else version
            if own is None or own >= version:
                version = version if own is None else own
                yield Rank(max(0, version) if self._order is Order.VERSION else 0, event.offset), _shape(event)


def _shape(event: Event) -> str | None:
    body = event.upsert
    return None if body is None else canonical_json({"text": body.text, "title": body.title, **body.metadata})
