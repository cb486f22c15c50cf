"""The search process: everything with a lifetime, built in one place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from freshet.probes import create_probe_app
from freshet.schemas.errors import DeniedError, MisfitError, OutsideError, TransientError
from freshet.schemas.topics import Topics
from freshet.search.asking import SearchRules
from freshet.search.embedding.base import Embedder
from freshet.search.embedding.metrics import EmbeddingMetrics
from freshet.search.http.app import create_app
from freshet.search.http.connections import Limits
from freshet.search.http.serving import serve
from freshet.search.index.base import IndexReader, IndexVersions, VersionInfo
from freshet.search.index.identity import Identity, check_fingerprint
from freshet.search.index.qdrant.reader import QdrantReader
from freshet.search.index.qdrant.versions import QdrantVersions
from freshet.search.live import LiveIndex
from freshet.search.load import Admission
from freshet.search.metrics import SearchMetrics
from freshet.search.service import SearchService
from freshet.search.watching import IndexWatch
from freshet.settings import SEARCH_PROBE_PORT, Settings
from freshet.status.board import Board
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.demanding import demand_rights
from freshet.streams.kafka.needs import Process, needs
from freshet.streams.publisher import Publisher
from freshet.streams.tracing import Limits as LookLimits
from freshet.wiring.access import check_exposure, http_options, open_limiter
from freshet.wiring.explain import explainer, price
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
from freshet.wiring.rerank import open_rerank, ranking

_ASK_SECONDS: Final = 3.0  # for each of Kafka and Qdrant, whether they let us in; without them searches start too
_LOOK_SECONDS: Final = 5.0  # for one document in the log


@dataclass(frozen=True)
class SearchProcess:
    """A search service that answers on these ports."""

    port: int
    probe_port: int


@asynccontextmanager
async def search_process(
    settings: Settings, *, load: Callable[[Settings], Embedder] = load_model
) -> AsyncIterator[SearchProcess]:
    """Serve searches; Kafka and Qdrant may come later.

    Raises SettingsError, PermanentError of the model, and DeniedError where Kafka or Qdrant refuse us. `load` gives the
    model, in a thread of its own.
    """
    check_exposure(settings)
    registry = new_registry()
    async with AsyncExitStack() as stack:
        embedder = await open_embedder(
            settings, EmbeddingMetrics(registry), stack, redis_timeout=settings.redis.timeout_seconds, load=load
        )
        wanted = identity(settings, embedder.model)
        client = qdrant_client(settings, stack)
        # Half of what a request may take, so that an absent Kafka is told before the request's own deadline.
        connection = kafka_connection(settings, "search", timeout=settings.search.deadline_seconds / 2)
        topics = Topics(settings.topics.documents)
        versions = QdrantVersions(client, index=settings.index)
        warn_of_exposure(connection)
        await _demand_access(settings, connection, versions, wanted.group)
        publisher = Publisher.over(connection, topic=topics.documents, rules=settings.rules)
        stack.push_async_callback(publisher.stop)
        metrics = SearchMetrics(registry)
        live = LiveIndex(
            versions=versions,
            open_reader=lambda info: _open(wanted, info, QdrantReader(client, collection=info.name)),
        )
        reranker = await open_rerank(settings, stack)
        service = SearchService(
            index=live,
            embedder=embedder,
            metrics=metrics,
            rules=SearchRules(settings.tenants, settings.fields, settings.search.list_length),
            ranking=ranking(settings, wanted, reranker),
        )
        board = Board("search", settings.index, service.checks(), version=lambda: live.name, search=metrics.status)
        admission = Admission(
            places=settings.search.max_in_flight, seconds=settings.search.max_wait_seconds, observer=metrics
        )
        app = create_app(
            service=service,
            admission=admission,
            watch=IndexWatch(name=settings.index, index=live),
            publisher=publisher,
            explainer=explainer(
                settings,
                client=client,
                versions=versions,
                connection=connection,
                limits=LookLimits(seconds=min(_LOOK_SECONDS, settings.search.deadline_seconds / 2)),
                price=partial(price, settings),
            ),
            checks=board.checks,
            metrics=metrics,
            options=http_options(settings),
            limiter=open_limiter(settings, stack),
        )
        probes = create_probe_app(registry=registry, board=board)
        port = SEARCH_PROBE_PORT if settings.probes.port is None else settings.probes.port
        probe_port = await stack.enter_async_context(serve(probes, host=settings.probes.host, port=port))
        board.lag = watch_lag(connection, topics, wanted, registry, stack).status
        limits = Limits(settings.search.max_connections, settings.search.head_seconds)
        serving = serve(app, host=settings.search.host, port=settings.search.port, limits=limits)
        yield SearchProcess(await stack.enter_async_context(serving), probe_port)


async def _demand_access(settings: Settings, connection: KafkaConnection, versions: IndexVersions, group: str) -> None:
    """Raise DeniedError where Kafka or Qdrant refuse us. What cannot be reached now may come later."""
    needed = needs(Process.SEARCH, Topics(settings.topics.documents), settings.index)
    questions: tuple[Callable[[], Awaitable[Any]], ...] = (
        partial(demand_rights, connection, needed, [group]),
        versions.live,
    )
    for asked in questions:
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                await asked()
        except DeniedError:
            raise
        except (OutsideError, TimeoutError):
            continue


def _open(wanted: Identity, info: VersionInfo, reader: IndexReader) -> IndexReader:
    try:
        check_fingerprint(wanted, info)
    except MisfitError as error:  # the service stays up: the next version may be the one that it is set for
        raise TransientError("open the live version", str(error)) from error
    return reader
