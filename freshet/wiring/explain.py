"""What tells where a document is, with its parts."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING

from freshet.schemas.topics import Topics
from freshet.search.documents.composing import Composer
from freshet.search.documents.explaining import Explainer
from freshet.search.embedding.known import known_price
from freshet.search.feed.base import Following
from freshet.search.index.base import IndexVersions
from freshet.search.index.qdrant.reader import QdrantReader
from freshet.settings import Settings
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.offsets import KafkaOffsets
from freshet.streams.kafka.partitioning import partition_of
from freshet.streams.kafka.reader import KafkaReader
from freshet.streams.tracing import Limits, LogTracer

if TYPE_CHECKING:
    from collections.abc import Callable

    from qdrant_client import AsyncQdrantClient


def price(settings: Settings, model: str) -> float | None:
    """What a million tokens of a version's model cost, as far as the settings tell; None where they do not."""
    given = settings.embedding
    if given.provider == "openai" and given.model == model:
        return known_price(model) if given.usd_per_million_tokens is None else given.usd_per_million_tokens
    return known_price(model) if given.provider == "openai" or known_price(model) is not None else 0.0


def explainer(
    settings: Settings,
    *,
    client: AsyncQdrantClient,
    versions: IndexVersions,
    connection: KafkaConnection,
    limits: Limits,
    price: Callable[[str], float | None],
    whole: bool = True,
    following: Following | None = None,
) -> Explainer:
    """An explainer of the live version; it connects to Kafka anew for each document.

    `price` tells what a million tokens of a model cost, by its name. What Kafka says when it cannot be asked is told
    `whole` to operators only.
    """
    tracer = cache(lambda topic: log_tracer(settings, connection, limits, topic=topic, whole=whole))
    return Explainer(
        versions=versions,
        open_reader=lambda info: QdrantReader(client, collection=info.name),
        open_log=lambda info: tracer(info.metadata.get("topic")),
        composer=Composer(rules=settings.rules, price=price),
        following=following,
    )


def log_tracer(
    settings: Settings, connection: KafkaConnection, limits: Limits, *, topic: str | None = None, whole: bool = True
) -> LogTracer:
    """What looks for documents in Kafka, by default in the topic of the settings."""
    connection = replace(connection, timeout=limits.seconds / 2)  # so that it is told that Kafka is away, not only late
    return LogTracer(
        index=settings.index,
        topics=Topics(topic or settings.topics.documents),
        offsets=partial(KafkaOffsets, connection),
        reader=partial(KafkaReader, connection),
        partition_of=partition_of,
        limits=limits,
        whole=whole,
    )
