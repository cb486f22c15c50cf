"""Copying a documents topic into another one, with as many partitions as that has.

First the fold: of each document its newest event, ends too, so what was superseded, refused or came again is settled.
Then, as they are, the records that came meanwhile. A document's records lie in one partition and are written in their
order, so in the copy its newest event is the last one, too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from freshet.schemas.decoding import Record
from freshet.schemas.events import Delete
from freshet.streams.announcing import Sink
from freshet.streams.folded import Folded, FoldedLog
from freshet.streams.messages import Message
from freshet.streams.retrying import Spans


class Source(Protocol):
    """A topic that is read from outside every group; its methods raise TransientError."""

    async def spans(self) -> Spans:
        """The offsets that the partitions have now."""
        ...

    def read(self, spans: Spans) -> AsyncIterator[Sequence[Record]]:
        """The records at these offsets, each partition's in order."""
        ...


async def copy_fold(log: FoldedLog, *, sink: Sink, topic: str, advance: Callable[[int], object]) -> int:
    """Write the newest event of each document to `topic`; returns how many. Raises what `sink` raises."""
    done = 0
    for page in log.pages():
        messages = list(_messages(map(_record, page), topic))
        await sink.send_all(messages)
        advance(len(page))
        done += len(messages)
    return done


async def copy_since(source: Source, ends: dict[int, int], *, sink: Sink, topic: str) -> int:
    """Write what came at or behind `ends` until now, and move them; returns how many records there were."""
    now = await source.spans()
    spans = {number: range(ends.get(number, span.start), span.stop) for number, span in now.items()}
    done = 0
    async for records in source.read(spans):
        messages = list(_messages(records, topic))
        await sink.send_all(messages)
        done += len(messages)
    ends.update({number: span.stop for number, span in now.items()})
    return done


def _record(folded: Folded) -> Record | None:
    """What stands for a document. A null takes the version of what it ended, which is not in the copy: so a delete."""
    record, event = folded.record, folded.event
    if record is None or event is None or event.body is not None or not folded.rank.version:
        return record
    body = Delete(id=event.id, tenant=event.tenant, version=folded.rank.version)
    return replace(record, value=body.model_dump_json(exclude_none=True).encode())


def _messages(records: Iterable[Record | None], topic: str) -> Iterator[Message]:
    """Without a partition, which the key decides there. What has no key is a dead letter already."""
    return (Message(topic, record.key, record.value) for record in records if record is not None and record.key)
