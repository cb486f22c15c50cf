"""A verification with its parts: the log folded into a temporary file, an index version held against it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client import CollectorRegistry

from freshet.schemas.decoding import BadEvent, Record
from freshet.schemas.errors import MisfitError
from freshet.schemas.topics import Topics
from freshet.search.embedding.base import Embedder
from freshet.search.embedding.cached import CachedEmbedder
from freshet.search.embedding.metrics import EmbeddingMetrics
from freshet.search.index.base import VersionInfo
from freshet.search.index.identity import Identity, check_end, check_live, check_source
from freshet.search.index.qdrant.audit import QdrantAudit
from freshet.search.index.qdrant.versions import QdrantVersions
from freshet.search.passages import split
from freshet.settings import Settings
from freshet.streams.again import unwrap
from freshet.streams.folded import Ends, FoldedLog
from freshet.streams.healing import AgainHealer
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.groups import has_members
from freshet.streams.kafka.offsets import KafkaOffsets
from freshet.streams.kafka.producer import KafkaProducer
from freshet.streams.kafka.reader import KafkaReader
from freshet.streams.kafka.source import find_source
from freshet.streams.kafka.topics import describe_topics
from freshet.streams.purging import kept_seconds
from freshet.streams.verifying import Found, Verifier
from freshet.wiring.parts import identity, kafka_connection, load_model, open_embedder, qdrant_client

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient


class Reached(NamedTuple):
    """Up to where a group's workers are, by partition of each topic."""

    documents: Ends
    again: Ends


@dataclass(frozen=True, slots=True)
class Parts:
    """What a verification works with."""

    connection: KafkaConnection
    wanted: Identity
    embedder: CachedEmbedder
    index: QdrantAudit


Bar = Callable[[str, int | None], AbstractContextManager[Callable[[int], None]]]


async def verify(
    settings: Settings,
    *,
    heal: bool,
    sample: int | None,
    bar: Bar,
    load: Callable[[Settings], Embedder] = load_model,
) -> Found:
    """Hold the version that the settings describe against the log, up to where its workers are; mend it where `heal`.

    Raises MisfitError where it is not there, and what Kafka, Qdrant and the model raise.
    """
    connection = kafka_connection(settings, "verify")
    async with AsyncExitStack() as stack:
        timeout, spent = settings.redis.worker_timeout_seconds, EmbeddingMetrics(CollectorRegistry())
        embedder = await open_embedder(settings, spent, stack, redis_timeout=timeout, load=load)
        wanted = identity(settings, embedder.model)
        client = qdrant_client(settings, stack)
        info = await _described(client, wanted, connection, settings.topics.documents)
        index = QdrantAudit(client, collection=info.name, dimension=info.dimension)
        sink = await stack.enter_async_context(KafkaProducer(connection)) if heal else None
        parts = Parts(connection, wanted, embedder, index)
        found = await hold_against_the_log(settings, parts, sink=sink, sample=sample, bar=bar)
        if heal and found.differing:
            found.followed = await has_members(connection, wanted.group)
        return found


async def hold_against_the_log(
    settings: Settings,
    parts: Parts,
    *,
    sample: int | None,
    sink: KafkaProducer | None = None,
    pause: float = 0.0,
    bar: Bar = lambda _doing, _total: nullcontext(lambda _: None),
) -> Found:
    """As `verify`, with parts that are open already; mend what differs where there is a `sink` to do so."""
    topics = Topics(settings.topics.documents)
    connection, wanted, embedder, index = parts.connection, parts.wanted, parts.embedder, parts.index
    reached = await _reached(connection, topics, wanted.group)
    async with folded(settings, connection, reached, bar) as log:
        healer = AgainHealer(index=index, sink=sink, topics=topics, order=settings.order) if sink else None
        with bar("comparing", len(log)) as advance:
            return await Verifier(
                index=index,
                log=log,
                ends=reached.documents,
                split=lambda title, text: split(title, text, wanted.recipe, embedder.token_ends),
                vectors=embedder,
                tombstones_since=await _tombstones_since(settings, connection, topics),
                sample=sample,
                quiet=partial(_quiet, connection, topics, wanted.group),
                healer=healer,
                pause=pause,
                advance=advance,
            ).run()


async def _described(
    client: AsyncQdrantClient, wanted: Identity, connection: KafkaConnection, topic: str
) -> VersionInfo:
    """The version that the settings describe, live or not; it must follow the topic that is there."""
    versions = QdrantVersions(client, index=wanted.index)
    info, name = await versions.describe(wanted.version), await versions.live()
    if info is None:
        live = None if name is None else await versions.describe(name)
        if live is not None:
            check_live(wanted, live)
        raise MisfitError(f"there is no index {wanted.index!r} yet; make it with: freshet worker")
    check_source(wanted, info, topic, await find_source(connection, topic))
    async with KafkaOffsets(connection) as offsets:
        for each in await offsets.positions(topic, wanted.group):
            check_end(wanted, info, each.partition, committed=each.committed, end=each.end)
    return info


async def _reached(connection: KafkaConnection, topics: Topics, group: str) -> Reached:
    async with KafkaOffsets(connection) as offsets:
        both = [await offsets.positions(topic, group) for topic in (topics.documents, topics.again)]
    return Reached(*({each.partition: each.next for each in positions} for positions in both))


async def _quiet(connection: KafkaConnection, topics: Topics, group: str) -> set[int]:
    """Partitions in which the group has done everything that came again."""
    async with KafkaOffsets(connection) as offsets:
        return {each.partition for each in await offsets.positions(topics.again, group) if each.next >= each.end}


async def _tombstones_since(settings: Settings, connection: KafkaConnection, topics: Topics) -> float:
    """The time since which no tombstone may have been forgotten."""
    states = await describe_topics(connection, [topics.documents, topics.again, topics.dead_letters])
    kept = kept_seconds(topics, states, settings.worker.tombstone_days)
    return 0.0 if kept is None else time.time() - kept


@asynccontextmanager
async def folded(
    settings: Settings, connection: KafkaConnection, reached: Reached, bar: Bar
) -> AsyncIterator[FoldedLog]:
    """The fold of everything up to these positions, in a file that is gone afterwards."""
    topics = Topics(settings.topics.documents)
    with TemporaryDirectory(prefix="freshet-verify-") as folder:
        make = partial(FoldedLog, Path(folder) / "log", topic=topics.documents, rules=settings.rules)
        with make(ends=reached.documents) as log:
            async for records in _records(connection, topics.dead_letters, bar):
                log.add_letters(records)
            async for records in _records(connection, topics.again, bar):
                log.add_again(_unwrapped(records, topics, reached.again))
            async for records in _records(connection, topics.documents, bar):
                log.add(records)
            log.finish()
            yield log


async def _records(connection: KafkaConnection, topic: str, bar: Bar) -> AsyncIterator[list[Record]]:
    """All that a topic holds now."""
    async with KafkaReader(connection, topic) as reader:
        spans = await reader.spans()
        with bar(f"reading {topic}", sum(map(len, spans.values()))) as advance:
            async for records in reader.read(spans):
                yield list(records)
                advance(len(records))


def _unwrapped(records: Iterable[Record], topics: Topics, ends: Ends) -> Iterator[tuple[Record, bool]]:
    """Those that workers can use, each at its origin, and whether they have not come to it yet."""
    for record in records:
        try:
            yield unwrap(record, topics.documents), record.offset >= ends.get(record.partition, 0)
        except BadEvent:
            continue
