"""What the search service needs of Kafka."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from freshet.schemas.events import Delete, Upsert
from freshet.schemas.positions import FreshnessToken


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
