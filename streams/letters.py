"""Dead letters as they lie in their topic: what each one is, and what was done about it.

Kafka takes nothing out of the topic before its time. So what is done about a letter lies beside it as a mark, and the
states of letters are a fold of the topic: it may be read in any order, and a repeat changes nothing. A letter is known
by its origin and its event's time, for a topic that is made anew begins its offsets again. A mark says how often its
letter had been tried: one that was tried more often has failed since and is open, whichever of them was written first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from sys import intern
from typing import Final

from freshet.schemas.decoding import Record
from freshet.schemas.positions import FreshnessToken, Place
from freshet.schemas.words import Word
from freshet.streams.again import MOST_DIGITS
from freshet.streams.messages import Message

STATE: Final = "state"  # the header that makes a record a mark
KEPT_KEY: Final = 2_400  # bytes of a key, of which the longest that is allowed has fewer


class State(Word):
    """What was done about a dead letter; the values of the header `state` of a mark, but for the first."""

    OPEN = "open", "nothing yet, or it was retried and refused again"
    RETRIED = "retried", "it was put into `documents.again`"
    DROPPED = "dropped", "somebody decided that nothing has to be done"


_MARKS: Final = {state.value: state for state in State if state is not State.OPEN}


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter without its bytes, or a mark: then `state` is what was done about the letter.

    `moment` is the event's time in milliseconds, where it is known, and `time` is when the record was written, in
    seconds, both since the epoch. `size` is that of the value in bytes; `cut` tells that not all of it was kept.
    """

    origin: FreshnessToken
    moment: int | None
    attempts: int
    reason: str
    key: bytes | None
    size: int
    cut: bool
    place: Place
    time: float
    state: State = State.OPEN

    @property
    def rank(self) -> tuple[int, float, Place]:
        """Of two letters of one event, or of two marks, the one of the higher rank counts."""
        return self.attempts, self.time, self.place


class Fold:
    """What the records of the topic come to; `strange` counts those that are neither letters nor marks."""

    def __init__(self) -> None:
        self.strange = 0
        self._letters: dict[tuple[FreshnessToken, int | None], Letter] = {}
        self._marks: dict[tuple[FreshnessToken, int | None], Letter] = {}

    def add(self, record: Record) -> None:
        try:
            found = read(record)
        except ValueError:
            self.strange += 1
        else:
            self.put(found)

    def put(self, found: Letter) -> None:
        """What a record was read as."""
        known = self._letters if found.state is State.OPEN else self._marks
        event = (found.origin, found.moment)
        if event not in known or known[event].rank < found.rank:
            known[event] = found

    def letters(self) -> list[Letter]:
        """One letter for each event, with its state; the oldest first."""
        found = []
        for event, letter in self._letters.items():
            mark = self._marks.get(event)
            told = mark is not None and mark.attempts >= letter.attempts
            found.append(replace(letter, state=mark.state) if mark is not None and told else letter)
        return sorted(found, key=lambda letter: (letter.time, letter.place))


def read(record: Record) -> Letter:
    """The letter or mark in a record. Raises ValueError where it is neither."""
    headers = dict(record.headers)
    token = FreshnessToken.parse(_text(headers, "origin"))
    state = State.OPEN
    if STATE in headers:
        state = _MARKS.get(_text(headers, STATE), State.OPEN)
        if state is State.OPEN:
            raise ValueError(f"{headers[STATE]!r} is no state of a mark")
    return Letter(
        origin=token._replace(topic=intern(token.topic)),
        moment=_number(headers, "timestamp"),
        attempts=_number(headers, "attempts") or 1,
        reason=intern(_text(headers, "reason")),
        key=record.key and record.key[:KEPT_KEY],
        size=len(record.value or b""),
        cut="cut" in headers,
        place=Place(record.partition, record.offset),
        time=record.timestamp,
        state=state,
    )


def original(letter: Letter, record: Record) -> Record:
    """The record of the documents topic that a letter holds, at its origin; its headers were not kept."""
    moment = record.timestamp if letter.moment is None else letter.moment / 1_000
    return Record(*letter.origin, timestamp=moment, key=record.key, value=record.value)


def mark(letter: Letter, state: State, *, topic: str, now: float) -> Message:
    """The record which says that this was done about a letter; it lies beside it. `now` is in seconds."""
    headers = {
        "origin": str(letter.origin),
        STATE: state.value,
        "attempts": str(letter.attempts),
        "time": datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds"),
    }
    if letter.moment is not None:
        headers["timestamp"] = str(letter.moment)
    encoded = tuple((name, value.encode()) for name, value in headers.items())
    return Message(topic, letter.key, b"", letter.place.partition, encoded)


def _text(headers: Mapping[str, bytes], name: str) -> str:
    return (headers.get(name) or b"").decode("utf-8", "replace")  # what others write may have null headers


def _number(headers: Mapping[str, bytes], name: str) -> int | None:
    value = headers.get(name) or b""
    return int(value) if value.isdigit() and len(value) <= MOST_DIGITS else None
