"""What the search service needs of Kafka."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

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
