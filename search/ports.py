"""What the search service needs of Kafka."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from freshet.schemas.events import Delete, Upsert
from freshet.schemas.positions import FreshnessToken, Place
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
