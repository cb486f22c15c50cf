"""Looking for one document in the log and the topics beside it, newest first, and only so far.

A log has no index by key, so records are read from the ends of partitions backwards, a stretch at a time, until one is
the document's or as many were looked at as may be.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from typing import Final, Protocol

from freshet.schemas.decoding import BadEvent, Record
from freshet.schemas.errors import OutsideError, TransientError
from freshet.schemas.positions import Place
from freshet.schemas.topics import Topics
from freshet.search.documents.facts import Letter, LogFacts, Looked
from freshet.search.index.facts import group_of
from freshet.streams import letters
from freshet.streams.again import own_key, unwrap
from freshet.streams.headway import Mark, marks, pace
from freshet.streams.lag import Offsets
from freshet.streams.retrying import Source, Spans

STRETCH: Final = 2_000  # offsets that are read at once
PACE_OFFSETS: Final = 4_000  # of the feed: what was told of some batches at least
AT_ONCE: Final = 2  # looks of a process; each connects to Kafka anew


class Reader(Source, Protocol):
    """A topic, from outside every group."""

    async def spans(self) -> Spans:
        """The offsets that the partitions have now. Raises TransientError."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """How far to look: offsets of each topic, and seconds in all."""

    offsets: int = 10_000
    seconds: float = 5.0


class LogTracer:
    """`DocumentLog` over Kafka.

    `offsets` and `reader` connect, the latter to a topic of that name; `partition_of` tells in which of so many
    partitions a key lies, if it was published as Java clients do it. What could not be asked is told with Kafka's
    `whole` answer, which names servers, or without it.
    """

    def __init__(
        self,
        *,
        index: str,
        topics: Topics,
        offsets: Callable[[], AbstractAsyncContextManager[Offsets]],
        reader: Callable[[str], AbstractAsyncContextManager[Reader]],
        partition_of: Callable[[bytes, int], int],
        limits: Limits = Limits(),
        clock: Callable[[], float] = time.time,
        whole: bool = True,
    ) -> None:
        self._whole = whole
        self._index = index
        self._topics = topics
        self._offsets = offsets
        self._reader = reader
        self._partition_of = partition_of
        self._limits = limits
        self._clock = clock
        self._room = asyncio.Semaphore(AT_ONCE)

    async def look(self, key: str, *, held: Place | None, version: str) -> LogFacts:
        """As `DocumentLog.look`."""
        search = _Search(key.encode(), held, LogFacts(), self._whole)
        topics = self._topics
        try:
            async with asyncio.timeout(self._limits.seconds), self._room:
                if not await search.telling("how far workers are", self._reach(search, version)):
                    return search.facts
                await asyncio.gather(
                    search.telling(topics.documents, self._events(search)),
                    search.telling(topics.dead_letters, self._letters(search)),
                    search.telling(topics.again, self._again(search)),
                )
                await search.telling(topics.indexed, self._pace(search, version))
        except TimeoutError:
            search.facts.untold.append(f"all of it: looking took longer than {self._limits.seconds:g} s")
        return search.facts

    async def records(self, key: str) -> tuple[dict[str, list[Record]], LogFacts]:
        """All records of a document, by topic, in their order, as far as it looks; of the facts how far, and what not.

        Raises nothing of Kafka's.
        """
        search, found = _Search(key.encode(), None, LogFacts(), self._whole), dict[str, list[Record]]()
        topics = self._topics
        try:
            async with asyncio.timeout(self._limits.seconds), self._room:
                for topic in (topics.documents, topics.again, topics.dead_letters, topics.indexed):
                    if not await search.telling(topic, self._all(search, topic, found.setdefault(topic, []))):
                        break
        except TimeoutError:
            search.facts.untold.append(f"the rest: looking took longer than {self._limits.seconds:g} s")
        return found, search.facts

    async def _all(self, search: _Search, topic: str, found: list[Record]) -> None:
        async with self._reader(topic) as reader:
            try:
                async for records in self._backwards(reader, await reader.spans(), search, topic):
                    found += records
            finally:  # also of what was found until time was up
                found.sort(key=lambda record: (record.partition, record.offset))

    async def _reach(self, search: _Search, version: str) -> None:
        """Up to where workers are. It is read first: what they have done by then is in the index or refused."""
        group = group_of(self._index, version)
        async with self._offsets() as offsets:
            for topic in (self._topics.documents, self._topics.again):
                search.next[topic] = {each.partition: each.next for each in await offsets.positions(topic, group)}
                search.facts.next = search.next[self._topics.documents]

    async def _events(self, search: _Search) -> None:
        facts, held = search.facts, search.held
        async with self._reader(self._topics.documents) as reader:
            spans = await reader.spans()
            if held is not None:
                facts.held = await _at(reader, held, search.key)
                spans = {held.partition: _behind(spans.get(held.partition, range(0)), held.offset)}
            async for records in self._backwards(reader, spans, search, self._topics.documents):
                if records:
                    facts.newest = records[-1]
                    return

    async def _letters(self, search: _Search) -> None:
        fold, messages = letters.Fold(), dict[Place, str]()
        async with self._reader(self._topics.dead_letters) as reader:
            async for records in self._backwards(reader, await reader.spans(), search, self._topics.dead_letters):
                for record in records:
                    fold.add(record)
                    messages[Place(record.partition, record.offset)] = _message(record)
                search.facts.letters = [
                    _as_fact(each, messages[each.place])
                    for each in fold.letters()
                    if each.origin.topic == self._topics.documents
                ]
        search.facts.has_letters = search.facts.looked[self._topics.dead_letters].is_all

    async def _again(self, search: _Search) -> None:
        """What waits to be processed again; what was done there already is in the index."""
        reached = search.next.get(self._topics.again)
        if reached is None:
            return
        async with self._reader(self._topics.again) as reader:
            spans = await reader.spans()
            waiting = {number: range(reached.get(number, span.start), span.stop) for number, span in spans.items()}
            if not any(waiting.values()):
                return
            async for records in self._backwards(reader, waiting, search, self._topics.again):
                for record in reversed(records):
                    with suppress(BadEvent):
                        search.facts.again = unwrap(record, self._topics.documents)
                        return

    async def _pace(self, search: _Search, version: str) -> None:
        """How fast the partition gets on in which the document's newest event waits."""
        newest, nowhere = search.facts.newest, 2**63
        if newest is None or newest.offset < search.facts.next.get(newest.partition, nowhere):
            return
        seen: list[Mark] = []
        async with self._reader(self._topics.indexed) as reader:
            span = (await reader.spans()).get(newest.partition, range(0))
            async for records in reader.read({newest.partition: span[-PACE_OFFSETS:]}):
                seen += marks(records, version=version, partition=newest.partition)
        search.facts.pace = pace(seen, self._clock())

    async def _backwards(
        self, reader: Reader, spans: Spans, search: _Search, topic: str
    ) -> AsyncIterator[list[Record]]:
        """The document's records among those of a stretch; stretches from the ends of partitions to their beginnings.

        The partition where its key belongs comes first. Notes how far it came.
        """
        looked, total = 0, sum(map(len, spans.values()))
        search.facts.looked[topic] = Looked(looked, total)
        for number, span in self._stretches(spans, search.key):
            found = [each async for each in _of(reader.read({number: span}), search.key, self._topics)]
            looked += len(span)
            search.facts.looked[topic] = Looked(looked, total)
            yield found

    def _stretches(self, spans: Spans, key: bytes) -> Iterator[tuple[int, range]]:
        left = self._limits.offsets
        likely = self._partition_of(key, len(spans)) if len(spans) > 1 else None
        for number in sorted(spans, key=lambda number: (number != likely, number)):
            span = spans[number]
            while span and left > 0:
                size = min(STRETCH, left, len(span))
                yield number, span[-size:]
                left -= size
                span = span[:-size]


@dataclass(slots=True)
class _Search:
    """One look: for which key, from which place on, what was found, and by topic how far workers are."""

    key: bytes
    held: Place | None
    facts: LogFacts
    whole: bool
    next: dict[str, dict[int, int]] = field(default_factory=dict)

    async def telling(self, what: str, work: Awaitable[None]) -> bool:
        """Do it, or tell why it cannot be told; False where Kafka is away, for then nothing else can."""
        try:
            await work
        except OutsideError as error:
            self.facts.untold.append(f"{what}: {error if self.whole else f'could not {error.operation}'}")
            return not isinstance(error, TransientError)
        return True


async def _of(pages: AsyncIterator[Sequence[Record]], key: bytes, topics: Topics) -> AsyncIterator[Record]:
    """The records of a document; keys of those that came again have their origin behind it."""
    async for records in pages:
        for record in records:
            if record.key == key or (record.topic == topics.again and own_key(record.key or b"") == key):
                yield record


async def _at(reader: Reader, place: Place, key: bytes) -> Record | None:
    """The record at a place; None where compaction has removed it."""
    async for records in reader.read({place.partition: range(place.offset, place.offset + 1)}):
        for record in records:
            return record if record.key == key else None
    return None


def _as_fact(letter: letters.Letter, message: str) -> Letter:
    return Letter(
        origin=letter.origin,
        reason=letter.reason,
        message=message,
        attempts=letter.attempts,
        time=letter.time,
        state=letter.state.value,
        moment=letter.moment,
    )


def _behind(span: range, offset: int) -> range:
    return range(max(span.start, offset + 1), span.stop)


def _message(record: Record) -> str:
    return (dict(record.headers).get("message") or b"").decode("utf-8", "replace")
