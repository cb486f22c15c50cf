"""What the index must say: the fold of the log, in the simplest words, and of nothing but the log.

An implementation of its own, which shares no line with what it judges. Records go one after the other in the order of
their offsets; each either becomes its document's state or does not.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from freshet.schemas.positions import Order


@dataclass(frozen=True, slots=True)
class Logged:
    """A record as Kafka gave it back."""

    partition: int
    offset: int
    key: bytes
    value: bytes | None


@dataclass(frozen=True, slots=True)
class State:
    """What a document is from a position of the log on; `ended` where it is deleted."""

    offset: int
    version: int
    ended: bool
    title: str = ""
    text: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class History:
    """The states that a document went through, the last of which it is in."""

    partition: int
    states: list[State] = field(default_factory=list)

    @property
    def last(self) -> State:
        return self.states[-1]

    def since(self, offset: int) -> list[State]:
        """The states that may be shown by whoever knows everything below `offset`, and perhaps more."""
        first = bisect_left(self.states, offset, key=lambda state: state.offset)
        return self.states[max(first - 1, 0) :]

    def known_below(self, offset: int) -> bool:
        return self.states[0].offset < offset


@dataclass(slots=True)
class Fold:
    """Documents by key, the records that are nobody's state, and those that were read."""

    documents: dict[str, History] = field(default_factory=dict)
    bad: list[Logged] = field(default_factory=list)
    records: dict[str, list[Logged]] = field(default_factory=dict)


def fold(records: Iterable[Logged], order: Order, *, max_bytes: int) -> Fold:
    """Fold records, given in the order of the offsets of each partition."""
    result = Fold()
    for record in records:
        key = record.key.decode()
        result.records.setdefault(key, []).append(record)
        event = _event(record, order, max_bytes)
        if event is None:
            result.bad.append(record)
            continue
        known = result.documents.get(key)
        state = _state(record, event, known.last if known else None, order)
        if known is None:
            result.documents[key] = History(record.partition, [state])
        elif order is Order.LOG or state.version >= known.last.version:
            known.states.append(state)
    return result


def _event(record: Logged, order: Order, max_bytes: int) -> dict[str, Any] | None:
    """The event; {} of a null, None where it is none."""
    if record.value is None:
        return {}
    if len(record.value) > max_bytes:
        return None
    try:
        event = json.loads(record.value)
    except ValueError:
        return None
    good = event["id"] == record.key.decode() and event["type"] in ("upsert", "delete")
    if event["type"] == "upsert":
        good = good and isinstance(event.get("text"), str)
    if order is Order.VERSION:
        good = good and isinstance(event.get("version"), int)
    return event if good else None


def _state(record: Logged, event: dict[str, Any], before: State | None, order: Order) -> State:
    if not event:  # a null ends what is there, and comes just after it
        return State(record.offset, before.version if before else 0, ended=True)
    version = event["version"] if order is Order.VERSION else 0
    if event["type"] == "delete":
        return State(record.offset, version, ended=True)
    return State(
        record.offset, version, ended=False, title=event["title"], text=event["text"], metadata=event["metadata"]
    )
