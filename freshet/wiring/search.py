"""The search process: everything with a lifetime, built in one place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from freshet.probes import create_probe_app
from freshet.schemas.errors import DeniedError, FreshetError, OutsideError
from freshet.schemas.topics import Topics
from freshet.search.asking import SearchRules
from freshet.search.embedding.base import Embedder
from freshet.search.embedding.metrics import EmbeddingMetrics
from freshet.search.feed.metrics import FeedMetrics
from freshet.search.freshness import Freshness
from freshet.search.http.app import create_app
from freshet.search.http.connections import Limits
from freshet.search.http.serving import serve
from freshet.search.index.base import IndexVersions, VersionInfo
from freshet.search.index.facts import group_of
from freshet.search.index.qdrant.reader import QdrantReader
from freshet.search.index.qdrant.versions import QdrantVersions
from freshet.search.live import LiveIndex, LiveVersion
from freshet.search.load import Admission
from freshet.search.metrics import SearchMetrics
from freshet.search.recording import Recording
from freshet.search.results.metrics import ResultMetrics
from freshet.search.results.upkeep import UpkeepMetrics
from freshet.search.service import SearchService
from freshet.search.watching import IndexWatch
from freshet.settings import SEARCH_PROBE_PORT, Settings
from freshet.status.board import Board
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.demanding import demand_rights
from freshet.streams.kafka.needs import Process, needs
from freshet.streams.kafka.producer import KafkaProducer
from freshet.streams.lag import Followed
from freshet.streams.publisher import Publisher
from freshet.streams.quality import AnswerLog, JudgementLog
from freshet.streams.tracing import Limits as LookLimits
from freshet.wiring.access import check_exposure, http_options, open_limiter
from freshet.wiring.explain import explainer, price
from freshet.wiring.feed import follow_feed
from freshet.wiring.models import Models, open_models
from freshet.wiring.parts import (
    identity,
    kafka_connection,
    load_model,
    new_registry,
    qdrant_client,
    warn_of_exposure,
    watch_lag,
)
from freshet.wiring.rerank import open_rerank, ranking
from freshet.wiring.results import RecentChanges, open_results
from freshet.wiring.results_redis import open_shared_results
from freshet.wiring.warming import open_popular, warm_in_background

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient

_LAST_SECONDS: Final = 1.0  # for what Kafka has not been told yet, at the end
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
        models = await open_models(
            settings, EmbeddingMetrics(registry), stack, redis_timeout=settings.redis.timeout_seconds, load=load
        )
        wanted = identity(settings, models.own.model)
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
        producer = KafkaProducer(connection)
        stack.push_async_callback(producer.stop, within=_LAST_SECONDS)
        live = LiveIndex(versions=versions, open_version=partial(_open, client, models))
        feed_metrics = FeedMetrics(registry)
        recent = RecentChanges.of(settings)
        following = await follow_feed(settings, connection, live, feed_metrics, stack, sink=recent.sink)
        order = ranking(settings, await open_rerank(settings, stack))
        result_metrics, upkeep, popular = ResultMetrics(registry), UpkeepMetrics(registry), open_popular(settings)
        admission = Admission(
            places=settings.search.max_in_flight, seconds=settings.search.max_wait_seconds, observer=metrics
        )
        results = open_results(
            settings,
            recent,
            following=following,
            ranking=order,
            metrics=result_metrics,
            stack=stack,
            shared=open_shared_results(settings, stack, upkeep),
        )
        service = SearchService(
            index=live,
            embedder=models.own,
            metrics=metrics,
            rules=SearchRules(settings.tenants, settings.fields, settings.search.list_length),
            ranking=order,
            recording=_recording(settings, AnswerLog(producer, topics, counted=metrics.recorded), stack),
            following=following,
            results=results,
            admission=admission,
            popular=popular,
        )
        warm_in_background(
            settings,
            popular,
            service=service,
            live=live,
            admission=admission,
            results=results,
            connection=connection,
            metrics=upkeep,
            stack=stack,
        )
        board = Board(
            "search",
            settings.index,
            service.checks(),
            version=lambda: _name(live.seen),
            search=lambda: metrics.status(following=following.sure, answers=result_metrics.counts()),
        )
        app = create_app(
            service=service,
            freshness=Freshness(index=live, following=following, metrics=feed_metrics),
            watch=IndexWatch(name=settings.index, index=live),
            publisher=publisher,
            explainer=explainer(
                settings,
                client=client,
                versions=versions,
                connection=connection,
                limits=LookLimits(seconds=min(_LOOK_SECONDS, settings.search.deadline_seconds / 2)),
                price=partial(price, settings),
                whole=False,
                following=following,
            ),
            feedback=JudgementLog(producer, topics),
            checks=board.checks,
            metrics=metrics,
            options=http_options(settings),
            limiter=open_limiter(settings, stack),
        )
        probes = create_probe_app(registry=registry, board=board)
        port = SEARCH_PROBE_PORT if settings.probes.port is None else settings.probes.port
        probe_port = await stack.enter_async_context(serve(probes, host=settings.probes.host, port=port))
        supposed = Followed(topics, wanted.group)
        board.lag = watch_lag(connection, partial(_followed, live, settings.index, supposed), registry, stack).status
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


def _recording(settings: Settings, log: AnswerLog, stack: AsyncExitStack) -> Recording | None:
    """What tells `search.queries` of answers until the stack is closed; None where nothing is to be told."""
    told = settings.search.record_queries
    if told == "off":
        return None
    stack.push_async_callback(_end, log, asyncio.create_task(log.run()))
    return Recording(log, with_text=told == "text")


async def _end(log: AnswerLog, writing: asyncio.Task[None]) -> None:
    log.stop()
    await asyncio.wait({writing}, timeout=_LAST_SECONDS)
    writing.cancel()


def _open(client: AsyncQdrantClient, models: Models, info: VersionInfo) -> LiveVersion:
    return LiveVersion.of(info, QdrantReader(client, collection=info.name), models.of(info))


def _name(info: VersionInfo | None) -> str | None:
    return None if info is None else info.name


async def _followed(live: LiveIndex, index: str, supposed: Followed) -> Followed:
    """What keeps the live version true to the log; until one was seen, what would keep that of the settings."""
    with suppress(FreshetError):  # the checks tell it
        await live.current()
    info = live.seen
    if info is None:
        return supposed
    topic = info.metadata.get("topic")
    return Followed(Topics(topic) if topic else supposed.topics, group_of(index, info.name))
