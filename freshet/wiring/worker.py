"""The worker process: everything with a lifetime, built in one place."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any, Final

from prometheus_client import CollectorRegistry

from freshet.probes import create_probe_app
from freshet.schemas.errors import FreshetError, TransientError
from freshet.schemas.topics import Topics
from freshet.search.embedding.base import Embedder
from freshet.search.embedding.metrics import EmbeddingMetrics
from freshet.search.health import Check
from freshet.search.http.serving import serve
from freshet.search.index.facts import built_to, incarnation
from freshet.search.index.identity import Identity
from freshet.search.index.qdrant.audit import QdrantAudit
from freshet.search.index.qdrant.statistics import QdrantStatistics
from freshet.search.index.qdrant.tombstones import QdrantTombstones
from freshet.search.index.qdrant.versions import QdrantVersions
from freshet.search.index.qdrant.writer import QdrantWriter
from freshet.settings import Settings
from freshet.status.board import Board
from freshet.streams.agents import add_stages, count_dead_letters
from freshet.streams.announcing import Announcer
from freshet.streams.app import App, Documents, build_app
from freshet.streams.checking import keep_checking
from freshet.streams.indexer import Indexer
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.consumer import DocumentsConsumer
from freshet.streams.kafka.errors import kafka_errors
from freshet.streams.kafka.producer import KafkaProducer
from freshet.streams.kafka.reading import KafkaLog
from freshet.streams.kafka.source import find_source
from freshet.streams.kafka.topics import prepare_topics
from freshet.streams.lag import Followed
from freshet.streams.metrics import WorkerMetrics
from freshet.streams.reinstating import Reinstater
from freshet.streams.retry import Retry, Weather, always
from freshet.streams.statistics import keep_statistics
from freshet.streams.sweep import sweep
from freshet.streams.worker import Worker
from freshet.wiring.donor import find_donor
from freshet.wiring.followed import FollowedVersion, earlier_than_build, follow
from freshet.wiring.living import Following, Replaced, keep_looking, see, watch_standing
from freshet.wiring.mode import Mode, following
from freshet.wiring.parts import (
    identity,
    kafka_connection,
    load_model,
    new_registry,
    open_embedder,
    qdrant_client,
    warn_of_exposure,
    watch_lag,
)
from freshet.wiring.purging import purging
from freshet.wiring.starting import check_rights, check_start, there
from freshet.wiring.verify import Parts, hold_against_the_log

PAUSE_SECONDS: Final = 0.05  # between pages of documents that are held against the log in the background
Guards = Sequence[Callable[[], Coroutine[Any, Any, None]]]
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class WorkerProcess:
    """A worker that is ready to consume."""

    app: App
    worker: Worker
    documents: Documents
    probe_port: int
    guards: Guards  # each ends only with what ends the worker
    parts: Parts
    followed: FollowedVersion
    spent: EmbeddingMetrics

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until told to stop. Raises what ended it otherwise."""
        consuming = asyncio.create_task(self.worker.consume(self.documents))
        stopping = asyncio.create_task(stop.wait())
        faust_ended = asyncio.create_task(self.app.wait_until_stopped())
        guards = [asyncio.create_task(guard()) for guard in self.guards]
        tasks = {consuming, stopping, faust_ended, *guards}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for ended in (*guards, consuming):
                if ended.done():
                    ended.result()
            if faust_ended.done():
                raise FreshetError("the Faust app ended by itself; see the log above")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


@asynccontextmanager
async def worker_process(
    settings: Settings, *, mode: Mode | None = None, load: Callable[[Settings], Embedder] = load_model
) -> AsyncIterator[WorkerProcess]:
    """Build a worker: waits for Kafka and Qdrant, refuses to start over what it does not fit (MisfitError).

    Without a `mode` it is one that follows. `load` gives the model, in a thread of its own.
    """
    mode = mode or following(settings)
    os.nice(mode.nice)
    registry, weather = new_registry(), Weather()
    checks: dict[str, Check] = {"start": _starting}
    lives: dict[str, Check] = {}
    board = Board("worker", settings.index, checks, lives)
    async with AsyncExitStack() as stack:
        probe_port = await _probes(settings, mode.probe_port, registry, board, stack)
        at_start = Retry(weather=weather, longest_wait=settings.worker.retry_seconds)
        retry = Retry(weather=weather, longest_wait=settings.worker.retry_seconds, patient=True)
        spent = EmbeddingMetrics(registry)
        embedder = await open_embedder(
            settings, spent, stack, redis_timeout=settings.redis.worker_timeout_seconds, load=load
        )
        version, topics = identity(settings, embedder.model), Topics(settings.topics.documents)
        connection = kafka_connection(settings, "worker")
        warn_of_exposure(connection)
        allowed = partial(check_rights, connection, version, topics)
        await at_start("ask Kafka for rights", allowed, always)
        client = qdrant_client(settings, stack)
        versions = QdrantVersions(client, index=settings.index, fields=settings.fields)
        check = partial(check_start, connection, versions, version, settings.topic_specs, beside=mode.beside)
        await check(create=settings.topics.create, retry=at_start)
        sink = await _kafka(settings, connection, at_start, stack)
        await at_start("ask Kafka for rights", allowed, always)  # on topics that were just made, too
        find = partial(find_source, connection, topics.documents)
        source = await at_start("look at the topic", partial(there, find), always)
        prepare = partial(follow, connection, versions, version, source, beside=mode.beside)
        followed = await at_start("prepare the index", prepare, always)
        donor = partial(find_donor, versions, client, followed, version, embedder)
        metrics = WorkerMetrics(registry)
        stack.push_async_callback((log := KafkaLog(connection, topics.documents)).stop)
        writer = QdrantAudit(client, collection=version.version, dimension=embedder.model.dimension)
        parts, replaced = Parts(connection, version, embedder, writer), Replaced()
        tombstones = QdrantTombstones(client, collection=version.version)
        worker = Worker(
            consumer=partial(_consumer, settings, connection, topics, version, replaced),
            indexer=Indexer(
                index=writer,
                embedder=embedder,
                order=settings.order,
                recipe=version.recipe,
                text=version.text,
                retry=retry,
                clock=time.time,
                saved=spent.saved,
                ledger_bytes=settings.worker.ledger_bytes,
                batch_tokens=settings.worker.batch_tokens,
                floor=tombstones.floor,
                donor=await at_start("look at the live version", donor, always),
            ),
            announcer=Announcer(
                sink=sink,
                index=writer,
                topics=topics,
                version=version.version,
                incarnation=incarnation(followed.info.metadata),
                live=lambda: followed.is_live,
                clock=time.time,
                built_to=built_to(followed.info.metadata),
            ),
            metrics=metrics,
            rules=settings.rules,
            topics=topics,
            reinstater=Reinstater(index=writer, log=log, topics=topics, order=settings.order),
            retry=retry,
            clock=time.time,
            sweep=partial(_sweep, writer),
            keep_statistics=partial(keep_statistics, QdrantStatistics(client, collection=version.version), retry),
            keep_checking=_checking(settings, parts, metrics),
            purge=purging(settings, connection, version.group, tombstones, purged=metrics.purged).run,
            batch_bytes=settings.worker.batch_bytes,
            drain_seconds=settings.worker.shutdown_seconds,
            pace=mode.pace,
            earlier=earlier_than_build(followed.info.metadata),
        )
        folder = stack.enter_context(TemporaryDirectory(prefix="freshet-"))
        new_app = partial(build_app, name=version.agents_group, connection=connection, folder=folder)
        start = partial(_start, new_app, worker, topics.dead_letters, metrics)
        app, documents = await at_start("start Faust", start, always)
        stack.push_async_callback(app.stop)
        watcher = watch_lag(connection, Followed(topics, version.group).always, registry, stack)
        lives["work"] = watch_standing(
            partial(see, worker, metrics, spent, watcher, weather), settings.worker.standstill_seconds, stack
        ).check
        board.version, board.lag = lambda: version.version, watcher.status
        board.worker = partial(worker.status, version.group)
        checks.clear()
        checks.update(
            kafka=watcher.check,
            index=partial(versions.describe, version.version),
            group=partial(_member, worker),
            pipeline=partial(_working, weather),
        )
        logger.info("indexing %s into %s", topics.documents, version.version)
        following_topic = Following(version, followed.info, watcher.status).check
        guards: Guards = [partial(keep_looking, find, following_topic), replaced.ended, followed.keep_looking]
        yield WorkerProcess(app, worker, documents, probe_port, guards, parts, followed, spent)


async def _kafka(settings: Settings, connection: KafkaConnection, retry: Retry, stack: AsyncExitStack) -> KafkaProducer:
    """Wait for Kafka, make or check the topics, and connect the producer."""
    await prepare_topics(connection, settings.topic_specs, retry=retry, create=settings.topics.create)
    sink = KafkaProducer(connection)
    await retry("connect to Kafka", sink.start, always)
    # What is not announced is not committed either, so at the end nobody needs to wait for it.
    stack.push_async_callback(sink.stop, within=1.0)
    return sink


def _consumer(
    settings: Settings,
    connection: KafkaConnection,
    topics: Topics,
    version: Identity,
    replaced: Replaced,
    **listeners: Any,
) -> DocumentsConsumer:
    return DocumentsConsumer(
        connection=connection,
        topics=topics,
        group=version.group,
        max_events=settings.worker.batch_events,
        session_seconds=settings.worker.session_seconds,
        name=settings.worker.instance_id,
        on_replaced=replaced.heard,
        **listeners,
    )


def _checking(settings: Settings, parts: Parts, metrics: WorkerMetrics) -> Callable[[], Coroutine[Any, Any, None]]:
    """In the background: what no cache knows is not embedded, and each page makes way for events."""
    verify = partial(hold_against_the_log, settings, parts, sample=0, pause=PAUSE_SECONDS)
    return partial(keep_checking, verify, hours=settings.worker.verify_hours, drifted=metrics.drifted)


async def _probes(
    settings: Settings, default: int, registry: CollectorRegistry, board: Board, stack: AsyncExitStack
) -> int:
    given = settings.probes.port
    app = create_probe_app(registry=registry, board=board)
    port = default if given is None else given
    return await stack.enter_async_context(serve(app, host=settings.probes.host, port=port))


async def _working(weather: Weather) -> None:
    if weather.failing:
        raise TransientError("index events", "; ".join(weather.failing))


async def _member(worker: Worker) -> None:
    if not worker.joined:
        raise TransientError("consume", "not yet a member of the consumer group")


async def _starting() -> None:
    raise TransientError("start", "waiting for Kafka, Qdrant and the model")


async def _start(
    new_app: Callable[[], App], worker: Worker, dead_letters: str, metrics: WorkerMetrics
) -> tuple[App, Documents]:
    """A Faust app with all agents, started. One whose start failed is of no more use, so each try makes its own."""
    app = new_app()
    documents = add_stages(app, worker)
    count_dead_letters(app, dead_letters, metrics)
    try:
        with kafka_errors("start Faust"):
            await app.start()
    except BaseException:
        with suppress(Exception):
            await app.stop()
        raise
    return app, documents


async def _sweep(writer: QdrantWriter, partition: int, below: int) -> int:
    return await sweep(writer, partition, below=below)
