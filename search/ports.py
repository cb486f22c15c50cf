"""What the search service needs of Kafka."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from freshet.schemas.events import Delete, Upsert
from freshet.schemas.positions import FreshnessToken, Place
from freshet.schemas.queries import FeedbackRecord, QueryRecord
from freshet.search.documents.facts import LogFacts


class DocumentPublisher(Protocol):
    """Puts events into the documents topic.

    Publishing an event twice does no harm: it carries the document's full state. Both methods raise TransientError or
    OverloadedError when it may work later, PermanentError when it cannot, and BadEvent for an event that is at fault.
    """

    async def publish(self, event: Upsert | Delete) -> FreshnessToken:
        """Return where Kafka put the event, once it has acknowledged it."""
        ...

    async def publish_many(self, events: Sequence[Upsert | Delete]) -> list[FreshnessToken]:
        """Return where Kafka put each event, in their order. When it raises, some may have been published."""
        ...


class DocumentLog(Protocol):
    """Looks in the log, and the topics beside it, for one document."""

    async def look(self, key: str, *, held: Place | None, version: str) -> LogFacts:
        """What they know of a document whose state in an index version lies at `held`, None where it has none.

        Bounded in records and in time: what was not looked through, or could not be reached, is told in the answer.
        Raises nothing of Kafka's.
        """
        ...


class QueryLog(Protocol):
    """Remembers searches that were answered, as far as it can: some may be lost, and none is waited for."""

    def put(self, record: QueryRecord) -> None:
        """Take a record. Returns at once and never raises."""
        ...


class FeedbackLog(Protocol):
    """Keeps what people thought of results.

    What is said again of the same result of the same search counts instead of what was said before.
    """

    async def judge(self, record: FeedbackRecord) -> None:
        """Return when it is kept.

        Raises TransientError or OverloadedError when it may work later, PermanentError when it cannot.
        """
        ...


@dataclass(frozen=True, slots=True)
class FeedTopics:
    """What tells a change feed from any other, and from a later one of the same name; equal while it is the same.

    `identity` is a digest of the ids of Kafka's cluster and of the feed's topic, `source` the id of the documents
    topic: None where the brokers are too old to tell ids (before Kafka 2.8).
    """

    identity: str | None
    partitions: int
    source: str | None = None


class FeedRecord(NamedTuple):
    """A record of the feed, as it lies there."""

    partition: int
    offset: int
    value: bytes | None


@dataclass(frozen=True, slots=True)
class FeedRecords:
    """What was fetched, in order of each partition, and how things stand after it.

    `positions` are by partition the next offset. `silent` is for how many seconds the partition that was not heard of
    for longest has told nothing, not even that there is nothing new. `behind` counts what is known to lie ahead.
    """

    records: Sequence[FeedRecord]
    positions: Mapping[int, int]
    silent: float
    behind: int


class ChangeFeed(Protocol):
    """The change feed of one documents topic, as one reader sees it who is in no group.

    All but `stop` raise OutsideError, and where what lies next cannot be read, `fetch` does so too: who gets one from
    `fetch` cannot tell what was missed.
    """

    async def look(self) -> FeedTopics:
        """The topics as they are now. Raises DeniedError where there is no such feed."""
        ...

    async def committed(self, version: str) -> Mapping[int, int]:
        """By partition of the documents topic, the offset that the workers of an index version have committed last.

        What lies below it was announced before. Partitions of which they never committed any are left out.
        """
        ...

    async def ends(self) -> Mapping[int, int]:
        """By partition of the feed, the offset of the next record to come; only between `start` and `stop`."""
        ...

    async def start(self, back: int) -> Mapping[int, int]:
        """Begin to read `back` records, in all partitions together, before the ends; returns where that is.

        The partitions are those that were there at the last look.
        """
        ...

    async def fetch(self) -> FeedRecords:
        """What lies next, waiting a moment where nothing does."""
        ...

    async def stop(self) -> None:
        """Read no more. Idempotent."""
        ...
