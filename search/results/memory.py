"""Answers in the process's own memory: the least recently used make room."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from freshet.search.results.entry import Entry


@dataclass(frozen=True, slots=True)
class _Slot:
    entry: Entry
    size: int


class HotResults:
    """Holds answers up to `max_bytes` in all. For one event loop."""

    def __init__(self, *, max_bytes: int) -> None:
        self._slots: OrderedDict[str, _Slot] = OrderedDict()
        self._max_bytes = max_bytes
        self._bytes = 0

    @property
    def bytes(self) -> int:
        """What it takes, about."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._slots)

    def get(self, key: str) -> Entry | None:
        """What was put last under this key."""
        slot = self._slots.get(key)
        if slot is None:
            return None
        self._slots.move_to_end(key)
        return slot.entry

    def put(self, key: str, entry: Entry) -> None:
        """Keep an answer, unless it is larger than all that may be kept."""
        self.drop(key)
        size = entry.size()
        if size > self._max_bytes:
            return
        self._slots[key] = _Slot(entry, size)
        self._bytes += size
        while self._bytes > self._max_bytes:
            self.drop(next(iter(self._slots)))

    def move(self, key: str, entry: Entry) -> None:
        """Keep an answer that differs from the one under this key, if there is one, in nothing that takes memory."""
        slot = self._slots.get(key)
        if slot is None:
            self.put(key, entry)
        else:
            self._slots[key] = _Slot(entry, slot.size)

    def drop(self, key: str) -> None:
        """Forget an answer."""
        slot = self._slots.pop(key, None)
        if slot is not None:
            self._bytes -= slot.size

    def clear(self) -> None:
        """Forget them all."""
        self._slots.clear()
        self._bytes = 0
