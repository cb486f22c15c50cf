"""What forgets ends of documents, over the settings' topics."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from freshet.schemas.topics import Topics
from freshet.search.index.base import Tombstones
from freshet.settings import Settings
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.offsets import KafkaOffsets
from freshet.streams.kafka.topics import describe_topics
from freshet.streams.lag import waiting
from freshet.streams.purging import Purging


def purging(
    settings: Settings,
    connection: KafkaConnection,
    group: str,
    tombstones: Tombstones,
    *,
    purged: Callable[[int], None],
    clock: Callable[[], float] = time.time,
) -> Purging:
    """For the version that the consumer group `group` keeps; `purged` is told how many ends were forgotten."""
    topics = Topics(settings.topics.documents)
    sources = [topics.documents, topics.again]

    async def behind() -> dict[int, float]:
        async with KafkaOffsets(connection) as offsets:
            return await waiting(offsets, topics=sources, group=group, clock=clock)

    return Purging(
        index=tombstones,
        topics=topics,
        days=settings.worker.tombstone_days,
        describe=partial(describe_topics, connection, [*sources, topics.dead_letters]),
        behind=behind,
        clock=clock,
        purged=purged,
    )
