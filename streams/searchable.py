"""Waiting until events are searchable, told by the change feed alone: by the watermarks of the live version."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final, Protocol

from pydantic import ValidationError

from freshet.schemas.decoding import Record
from freshet.schemas.feed import Watermark
from freshet.streams.retrying import Spans

FIRST_LOOK: Final = 64  # records from the end of a partition: each batch ends with a watermark
GROWTH: Final = 4  # times as many in the next look


class Feed(Protocol):
    """The change feed, from outside every group. Raises TransientError, and DeniedError without the right to read."""

    async def spans(self) -> Spans:
        """The offsets that the partitions have now."""
        ...

    def read(self, spans: Spans) -> AsyncIterator[Sequence[Record]]:
        """The records at these offsets, in the order of each partition."""
        ...

    def follow(self, starts: Mapping[int, int]) -> AsyncIterator[Sequence[Record]]:
        """The records from these offsets on as they come, without end."""
        ...


async def wait_searchable(feed: Feed, wanted: Mapping[int, int]) -> None:
    """Wait until the live version has come past these offsets of the documents topic, by partition.

    Raises as the feed, and ValueError for a partition that the feed does not have.
    """
    spans = await feed.spans()
    if unknown := wanted.keys() - spans.keys():
        raise ValueError(f"the change feed has no partition {min(unknown)}")
    waiting = {
        partition: spans[partition].stop
        for partition, offset in wanted.items()
        if await _last(feed, partition, spans[partition]) <= offset
    }
    if not waiting:
        return
    async for records in feed.follow(dict(waiting)):
        for record in records:
            if record.partition in waiting and _reached(record) > wanted[record.partition]:
                del waiting[record.partition]
        if not waiting:
            return


async def _last(feed: Feed, partition: int, span: range) -> int:
    """What the live version's last watermark in a partition says; -1 where there is none."""
    size = FIRST_LOOK
    while span:
        found = [_reached(each) async for records in feed.read({partition: span[-size:]}) for each in records]
        if told := [each for each in found if each >= 0]:
            return told[-1]
        span, size = span[:-size], size * GROWTH
    return -1


def _reached(record: Record) -> int:
    """The offset below which the live version holds everything; -1 where the record does not tell it."""
    if record.key is not None or record.value is None:
        return -1
    try:
        mark = Watermark.model_validate_json(record.value)
    except ValidationError:
        return -1
    return mark.offset if mark.live else -1
