"""Records of `documents.again`: events to be processed again, ordered by where they came from, not by where they lie.

The key is the event's own, a line feed and its origin, so that compaction never lets one such record hide another.
The value is the original one; a null, which would end the `again` record itself, is an empty value under the header
`null`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from freshet.schemas.again import Again, Why
from freshet.schemas.decoding import BadEvent, Reason, Record
from freshet.schemas.positions import FreshnessToken, Rank
from freshet.streams.messages import Message

BY_VALUE: Final = {each.value: each for each in Why}
MOST_DIGITS: Final = 18  # of a number that fits 64 bits
END_OF_LOGS: Final = 2**53  # offsets below are compared exactly by every index
_BETWEEN: Final = b"\n"
_RANK: Final = re.compile(rb"([0-9]{1,18})@(-?[0-9]{1,18})")  # of whatever stands there, however it came there


def wrap(record: Record, again: Again, topic: str) -> Message:
    """The record of the `again` topic `topic` for one of the documents topic; it lies in the same partition."""
    origin = str(FreshnessToken(record.topic, record.partition, record.offset)).encode()
    headers = [
        ("origin", origin),
        ("reason", again.why.value.encode()),
        ("attempts", str(again.attempts).encode()),
        ("timestamp", str(round(record.timestamp * 1_000)).encode()),
    ]
    if again.version is not None:
        headers.append(("version", str(again.version).encode()))
    if again.until:
        headers.append(("until", str(again.until).encode()))
    if again.displaces is not None:
        headers.append(("displaces", b"%d@%d" % again.displaces))
    if record.value is None:
        headers.append(("null", b"1"))
    key = (record.key or b"") + _BETWEEN + origin
    return Message(topic, key, record.value or b"", record.partition, tuple(headers))


def unwrap(record: Record, topic: str) -> Record:
    """The record of `topic` that an `again` record holds, at its origin. Raises BadEvent where it is no such record."""
    headers = {name: value or b"" for name, value in record.headers}  # what others write may have null headers
    if record.value is None:
        raise BadEvent(Reason.INVALID_VALUE, "a null ends the record; one to be processed again is told by a header")
    origin = _origin(headers)
    if (origin.topic, origin.partition) != (topic, record.partition):
        raise BadEvent(
            Reason.INVALID_VALUE, f"its origin {origin} is not in {topic}/{record.partition}", field="origin"
        )
    key, between, named = (record.key or b"").rpartition(_BETWEEN)
    if not between or named != headers["origin"]:
        raise BadEvent(Reason.KEY_MISMATCH, "the key does not end with the origin", field="key")
    attempts, until = _number(headers, "attempts") or 1, _number(headers, "until") or 0
    again = Again(_why(headers), attempts, _number(headers, "version"), until, _rank(headers))
    if again.why is Why.REMOVED and again.displaces is None:
        raise BadEvent(Reason.MISSING_FIELD, "the header is required", field="displaces")
    moment = _number(headers, "timestamp")
    return replace(
        record,
        topic=topic,
        offset=origin.offset,
        timestamp=record.timestamp if moment is None else moment / 1_000,
        key=key or None,
        value=None if "null" in headers else record.value,
        headers=(),
        again=again,
    )


def own_key(key: bytes) -> bytes:
    """The document key in the key of an `again` record."""
    return key.rpartition(_BETWEEN)[0]


def _origin(headers: Mapping[str, bytes]) -> FreshnessToken:
    try:
        origin = FreshnessToken.parse(headers["origin"].decode("ascii", "replace"))
    except KeyError as error:
        raise BadEvent(Reason.MISSING_FIELD, "the header is required", field="origin") from error
    except ValueError as error:
        raise BadEvent(Reason.INVALID_VALUE, str(error), field="origin") from error
    if origin.offset >= END_OF_LOGS:
        raise BadEvent(Reason.INVALID_VALUE, f"no log is as long as {origin} says", field="origin")
    return origin


def _why(headers: Mapping[str, bytes]) -> Why:
    try:
        return BY_VALUE[headers.get("reason", b"").decode("ascii", "replace")]
    except KeyError as error:
        words = ", ".join(each.value for each in Why)
        raise BadEvent(Reason.INVALID_VALUE, f"it must be one of {words}", field="reason") from error


def _rank(headers: Mapping[str, bytes]) -> Rank | None:
    value = headers.get("displaces")
    if value is None:
        return None
    match = _RANK.fullmatch(value)
    if match is None:
        raise BadEvent(Reason.INVALID_VALUE, "it must be a version and an offset, such as 0@17", field="displaces")
    return Rank(int(match[1]), int(match[2]))


def _number(headers: Mapping[str, bytes], name: str) -> int | None:
    value = headers.get(name)
    if value is None:
        return None
    if not value.isdigit() or len(value) > MOST_DIGITS:
        raise BadEvent(Reason.INVALID_VALUE, "it must be a number from 0", field=name)
    return int(value)
