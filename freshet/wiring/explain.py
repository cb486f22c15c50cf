"""What tells where a document is, with its parts."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from freshet.schemas.topics import Topics
from freshet.search.documents.composing import Composer
from freshet.search.documents.explaining import Explainer
from freshet.search.index.base import IndexVersions
from freshet.search.index.qdrant.reader import QdrantReader
from freshet.settings import Settings
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.offsets import KafkaOffsets
from freshet.streams.kafka.partitioning import partition_of
from freshet.streams.kafka.reader import KafkaReader
from freshet.streams.tracing import Limits, LogTracer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qdrant_client import AsyncQdrantClient


def explainer(
    settings: Settings,
    *,
    client: AsyncQdrantClient,
    versions: IndexVersions,
    connection: KafkaConnection,
    limits: Limits,
    prices: Mapping[str, float],
) -> Explainer:
    """An explainer of the live version; it connects to Kafka anew for each document."""
    topics = Topics(settings.topics.documents)
    tracer = LogTracer(
        index=settings.index,
        topics=topics,
        offsets=partial(KafkaOffsets, connection),
        reader=partial(KafkaReader, connection),
        partition_of=partition_of,
        limits=limits,
    )
    return Explainer(
        versions=versions,
        open_reader=lambda info: QdrantReader(client, collection=info.name),
        log=tracer,
        composer=Composer(rules=settings.rules, topic=topics.documents, prices=prices),
    )
