"""What the index must say: the fold of the log, in the simplest words, and of nothing but the log.

An implementation of its own, which shares no line with what it judges. Records go one after the other in the order of
their offsets; each either becomes its document's state or does not.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from freshet.schemas.positions import Order

POISON: Final = "poison"  # a word that the model of these runs never embeds
UNKNOWN: Final = "hieroglyph"  # one that it learns in the course of a run; until then it refuses it, too


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
    """Documents by key, the records that are nobody's state, each with the reason, and those that were read.

    `retried` are good ones that may have been refused at first.
    """

    documents: dict[str, History] = field(default_factory=dict)
    bad: list[tuple[Logged, str]] = field(default_factory=list)
    retried: list[Logged] = field(default_factory=list)
    records: dict[str, list[Logged]] = field(default_factory=dict)

    @property
    def strays(self) -> set[bytes]:
        """Keys of documents of which an event lies in a partition that is not theirs."""
        return {record.key for record, reason in self.bad if reason == "partition_moved"}


def fold(records: Iterable[Logged], order: Order, *, max_bytes: int, tenants: bool = False) -> Fold:
    """Fold records, given in the order of the offsets of each partition."""
    result = Fold()
    for record in records:
        key = record.key.decode()
        result.records.setdefault(key, []).append(record)
        event = _event(record, order, max_bytes, tenants=tenants)
        if isinstance(event, str):
            result.bad.append((record, event))
            continue
        if UNKNOWN in event.get("text", ""):
            result.retried.append(record)
        known = result.documents.get(key)
        state = _state(record, event, known.last if known else None, order)
        if known is None:
            result.documents[key] = History(record.partition, [state])
        elif order is Order.LOG or state.version >= known.last.version:
            known.states.append(state)
    return result


def _event(record: Logged, order: Order, max_bytes: int, *, tenants: bool) -> dict[str, Any] | str:
    """The event, {} of a null; or the reason why it is none."""
    if record.value is None:
        return {}
    if len(record.value) > max_bytes:
        return "too_large"
    try:
        event = json.loads(record.value)
    except UnicodeDecodeError:
        return "not_utf8"
    except ValueError:
        return "not_json"
    return _fault(event, record.key.decode(), order, tenants=tenants) or event


def _fault(event: dict[str, Any], key: str, order: Order, *, tenants: bool) -> str:
    """What is wrong with an event; those of these runs have one fault at most, and say so where they lie astray."""
    tenant = event.get("tenant")
    faults = {
        "unknown_type": event["type"] not in ("upsert", "delete"),
        "missing_field": (event["type"] == "upsert" and "text" not in event) or (tenants and tenant is None),
        "wrong_type": "text" in event and not isinstance(event["text"], str),
        "invalid_value": not tenants and tenant is not None,
        "no_version": order is Order.VERSION and event.get("version") is None,
        "key_mismatch": key != (event["id"] if tenant is None else f"{tenant}/{event['id']}"),
        "partition_moved": "astray" in event,
        "refused": POISON in str(event.get("text")),
    }
    return next((reason for reason, found in faults.items() if found), "")


def _state(record: Logged, event: dict[str, Any], before: State | None, order: Order) -> State:
    if not event:  # a null ends what is there, and comes just after it
        return State(record.offset, before.version if before else 0, ended=True)
    version = event["version"] if order is Order.VERSION else 0
    if event["type"] == "delete":
        return State(record.offset, version, ended=True)
    return State(
        record.offset, version, ended=False, title=event["title"], text=event["text"], metadata=event["metadata"]
    )
