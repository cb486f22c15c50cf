"""How fast a partition gets on, by the watermarks that workers put into the change feed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from pydantic import ValidationError

from freshet.schemas.decoding import Record
from freshet.schemas.feed import Watermark
from freshet.search.documents.facts import Pace

WINDOW_SECONDS: Final = 60.0  # before the last watermark
FRESH_SECONDS: Final = 60.0  # a partition whose last watermark is older stands still


class Mark(NamedTuple):
    """All below `offset` was indexed at `time`, in seconds since the epoch."""

    time: float
    offset: int


def marks(records: Iterable[Record], *, version: str, partition: int) -> list[Mark]:
    """The watermarks of a version among records of the feed, in their order."""
    found = []
    for record in records:
        if record.key is None and record.value is not None:
            try:
                mark = Watermark.model_validate_json(record.value)
            except ValidationError:
                continue
            if (mark.index_version, mark.partition) == (version, partition):
                found.append(Mark(record.timestamp, mark.offset))
    return found


def pace(seen: Sequence[Mark], now: float) -> Pace:
    """Events per second over the last minute in which there was anything to do."""
    if not seen:
        return Pace(None, None)
    last = max(seen)
    recent = [mark for mark in seen if mark.time >= last.time - WINDOW_SECONDS]
    first = min(recent)
    seconds, events = last.time - first.time, last.offset - first.offset
    if now - last.time > FRESH_SECONDS or seconds <= 0 or events <= 0:
        return Pace(None, last.time)
    return Pace(events / seconds, last.time)
