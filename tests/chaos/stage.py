"""Everything that a run needs, started: servers, what stands before them, workers and a search service."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from freshet.local.engine import LocalQdrant
from freshet.local.kafka import LocalKafka
from freshet.local.processes import LOOPBACK, free_port
from freshet.schemas.positions import Order
from freshet.search.index.identity import Identity
from freshet.search.passages import Recipe
from tests.chaos.events import MAX_BYTES
from tests.chaos.kafka import Group
from tests.support.chaos_worker import JOURNAL
from tests.support.embedder import CountingEmbedder
from tests.support.http_proxy import HttpProxy
from tests.support.proxy import TcpProxy
from tests.support.road import Process, Road
from tests.support.scale import SOAK
from tests.support.servers import LocalRedis, Servers

WORKERS: Final = 3  # at most
SESSION_SECONDS: Final = 2
DEADLINE: Final = 600.0 if SOAK else 150.0  # seconds in which everything that must come about has done so
PARTITIONS: Final = 4
BROKER: Final = {
    "group.min.session.timeout.ms": str(SESSION_SECONDS * 1_000),
    "log.cleaner.backoff.ms": "200",
}
FIELDS: Final = {"doc": "keyword", "kind": "keyword", "edition": "integer"}


@dataclass(frozen=True)
class Stage:
    """One index over one topic, on servers of its own."""

    kafka: LocalKafka
    qdrant: LocalQdrant
    redis: LocalRedis
    kafka_proxy: TcpProxy
    qdrant_proxy: HttpProxy
    redis_proxy: TcpProxy
    road: Road
    workers: tuple[Process, ...]
    search: Process
    order: Order
    tenants: bool
    journal: Path

    @property
    def index(self) -> str:
        return self.road.environment["FRESHET_INDEX"]

    def door_of(self, worker: Process) -> int:
        """The door of Qdrant's proxy that only this worker uses."""
        return 1 + self.workers.index(worker)

    def identity(self, index: str | None = None) -> Identity:
        model = CountingEmbedder().model
        return Identity(index or self.index, model, Recipe(window=model.max_tokens))

    def group(self, index: str | None = None) -> Group:
        return Group(self.kafka.bootstrap, self.identity(index).group)


@asynccontextmanager
async def set_up(
    servers: Servers,
    folder: Path,
    order: Order,
    log_name: Callable[[str], str],
    *,
    tenants: bool = False,
    **settings: str,
) -> AsyncIterator[Stage]:
    """Start the servers, and the search service without waiting for it; workers are started by whoever runs them."""
    kafka_proxy = TcpProxy(free_port())
    kafka, qdrant, redis = await asyncio.gather(
        servers.proxied_kafka(log_name("kafka"), before=kafka_proxy.port, behind=kafka_proxy.upstream, extra=BROKER),
        servers.qdrant(log_name("qdrant")),
        servers.redis(log_name("redis")),
    )
    journal = folder / "journal"
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(kafka_proxy)
        qdrant_proxy = await stack.enter_async_context(HttpProxy(qdrant.url, doors=1 + WORKERS))
        redis_proxy = await stack.enter_async_context(TcpProxy(redis.port))
        road = Road(
            bootstrap=kafka.bootstrap,
            qdrant_url=qdrant_proxy.url,
            qdrant_key=qdrant.api_key,
            log_name=log_name,
            module="tests.support.chaos_worker",
            settings={
                JOURNAL: str(journal),
                "FRESHET_ORDER": order.value,
                "FRESHET_TENANTS": str(tenants).lower(),
                "FRESHET_FIELDS": json.dumps(FIELDS),
                "FRESHET_MAX_EVENT_BYTES": str(MAX_BYTES),
                "FRESHET_TOPICS__PARTITIONS": str(PARTITIONS),
                "FRESHET_EMBEDDING__MODEL": "digest",
                "FRESHET_QDRANT__TIMEOUT_SECONDS": "2",
                "FRESHET_REDIS__URL": f"redis://127.0.0.1:{redis_proxy.port}/0",
                "FRESHET_WORKER__BATCH_EVENTS": "100",
                "FRESHET_WORKER__RETRY_SECONDS": "1",
                "FRESHET_WORKER__SESSION_SECONDS": str(SESSION_SECONDS),
                "FRESHET_WORKER__SHUTDOWN_SECONDS": "2",
                "FRESHET_SEARCH__RATE": "0",
                **settings,
            },
        )
        proxied = {"FRESHET_KAFKA__BOOTSTRAP_SERVERS": f"{LOOPBACK}:{kafka_proxy.port}"}
        workers = tuple(road.worker(FRESHET_QDRANT__URL=url, **proxied) for url in qdrant_proxy.urls[1:])
        search = road.search(**proxied)
        for process in (*workers, search):
            stack.push_async_callback(process.kill)
        search.spawn()
        yield Stage(
            kafka=kafka,
            qdrant=qdrant,
            redis=redis,
            kafka_proxy=kafka_proxy,
            qdrant_proxy=qdrant_proxy,
            redis_proxy=redis_proxy,
            road=road,
            workers=workers,
            search=search,
            order=order,
            tenants=tenants,
            journal=journal,
        )
