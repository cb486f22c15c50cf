"""What the search service needs of Kafka."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from freshet.schemas.events import Delete, Upsert
from freshet.schemas.positions import FreshnessToken
from freshet.schemas.queries import FeedbackRecord, QueryRecord


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
