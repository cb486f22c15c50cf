"""Some of the documents of a log, chosen by chance while it is read once, with everything that it says of each.

Which ones, a digest of the key decides: those with the lowest digests are kept (a bottom-k sample; Cohen and Kaplan
2007). So a document is in from its first event or not at all, and whoever reads the same log chooses the same ones.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from freshet.schemas.events import Event, Upsert

MOST_DOCUMENTS: Final = 5_000
MOST_BYTES: Final = 32_000_000  # of texts
_PLACE_BYTES: Final = 8


@dataclass(slots=True)
class Sampled:
    """A document: the states that are embedded for it, in their order, and the one that stays, None where it ended.

    The first states came with the event that made it known, the later ones with others.
    """

    key: str
    tenant: str | None
    first: list[Upsert] = field(default_factory=list)
    later: list[Upsert] = field(default_factory=list)
    last: Upsert | None = None
    bytes: int = 0


class Sample:
    """Filled while a log is read. It holds at most so many documents, and about so many bytes of texts, but one."""

    def __init__(self, *, most_documents: int = MOST_DOCUMENTS, most_bytes: int = MOST_BYTES) -> None:
        self._most_documents = most_documents
        self._most_bytes = most_bytes
        self._documents: dict[int, Sampled] = {}
        self._highest: list[int] = []  # a heap, of places times -1
        self._limit = 1 << (8 * _PLACE_BYTES)
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._documents)

    @property
    def documents(self) -> Sequence[Sampled]:
        """In an order that has nothing to do with what they say."""
        return [self._documents[place] for place in sorted(self._documents)]

    def note(self, name: bytes, event: Event, fresh: Sequence[Upsert], last: Upsert | None) -> None:
        """What an event does to a document whose key has the digest `name`: what is embedded, and what stays."""
        place = int.from_bytes(name[:_PLACE_BYTES], "big")
        if place >= self._limit:
            return
        document = self._documents.get(place)
        is_new = document is None
        if document is None:
            document = self._documents[place] = Sampled(event.key, event.tenant)
            heapq.heappush(self._highest, -place)
        (document.first if is_new else document.later).extend(fresh)
        added = sum(map(bytes_of, fresh)) + bytes_of(last) - bytes_of(document.last)
        document.last = last
        document.bytes += added
        self._bytes += added
        while len(self._documents) > self._most_documents or (self._bytes > self._most_bytes and len(self) > 1):
            self._drop_highest()

    def _drop_highest(self) -> None:
        self._limit = -heapq.heappop(self._highest)
        document = self._documents.pop(self._limit)
        self._bytes -= document.bytes


def bytes_of(body: Upsert | None) -> int:
    """The bytes of what is embedded of a document."""
    return 0 if body is None else len(body.title.encode()) + len(body.text.encode())
