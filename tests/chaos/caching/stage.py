"""Two workers, three search processes with a cache, one without, and the servers that they need."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from freshet import SearchClient
from freshet.local.kafka import LocalKafka
from freshet.search.index.identity import Identity
from freshet.search.passages import Recipe
from tests.chaos.caching.upstream import FIELDS, LIST_LENGTH, PARTITIONS
from tests.chaos.kafka import Group
from tests.support.chaos_worker import JOURNAL
from tests.support.embedder import CountingEmbedder
from tests.support.road import Process, Road
from tests.support.servers import LocalRedis, Servers

SESSION_SECONDS: Final = 2
SEARCHES: Final = 3


@dataclass(frozen=True, slots=True)
class Service:
    """A search process and how it is asked."""

    process: Process
    url: str
    client: SearchClient


@dataclass(frozen=True)
class CacheStage:
    """One index over one topic."""

    kafka: LocalKafka
    redis: LocalRedis
    redis_folder: Path
    road: Road
    workers: tuple[Process, ...]
    services: tuple[Service, ...]
    reference: Service

    @property
    def group(self) -> Group:
        model = CountingEmbedder().model
        name = Identity(self.road.environment["FRESHET_INDEX"], model, Recipe(window=model.max_tokens)).group
        return Group(self.kafka.bootstrap, name)

    async def flush_redis(self) -> None:
        async with Redis.from_url(self.redis.url) as redis:
            with suppress(RedisError):
                await redis.flushall()

    async def save_redis(self) -> None:
        """Write the dump that it would start from."""
        async with Redis.from_url(self.redis.url) as redis:
            with suppress(RedisError):
                await redis.save()

    async def restart_redis(self, *, empty: bool) -> None:
        """From its last dump, or as another one that holds nothing."""
        await self.redis.process.kill()
        if empty:
            for dump in self.redis_folder.glob("*.rdb"):
                dump.unlink()
        await self.redis.process.start()


@asynccontextmanager
async def set_up(servers: Servers, folder: Path, log_name: Callable[[str], str]) -> AsyncIterator[CacheStage]:
    """All servers and processes, started and ready."""
    broker = {"group.min.session.timeout.ms": str(SESSION_SECONDS * 1_000)}
    kafka, qdrant, redis = await asyncio.gather(
        servers.kafka(log_name("kafka"), extra=broker),
        servers.qdrant(log_name("qdrant")),
        servers.redis(log_name("redis")),
    )
    road = Road(
        bootstrap=kafka.bootstrap,
        qdrant_url=qdrant.url,
        qdrant_key=qdrant.api_key,
        log_name=log_name,
        module="tests.support.chaos_worker",
        settings={
            JOURNAL: str(folder / "journal"),
            "FRESHET_FIELDS": json.dumps(FIELDS),
            "FRESHET_TOPICS__PARTITIONS": str(PARTITIONS),
            "FRESHET_EMBEDDING__MODEL": "digest",
            "FRESHET_QDRANT__TIMEOUT_SECONDS": "2",
            "FRESHET_REDIS__URL": redis.url,
            "FRESHET_WORKER__SESSION_SECONDS": str(SESSION_SECONDS),
            "FRESHET_WORKER__SHUTDOWN_SECONDS": "2",
            "FRESHET_SEARCH__RATE": "0",
            "FRESHET_SEARCH__LIST_LENGTH": str(LIST_LENGTH),
        },
    )
    async with AsyncExitStack() as stack:
        workers = (road.worker(), road.worker())
        services = [await _service(road, stack) for _ in range(SEARCHES)]
        reference = await _service(road, stack, FRESHET_CACHE__ENABLED="false")
        for process in (*workers, *(each.process for each in (*services, reference))):
            stack.push_async_callback(process.kill)
        await workers[0].start()
        await asyncio.gather(workers[1].start(), *(each.process.start() for each in (*services, reference)))
        folder_of_redis = redis._folder
        yield CacheStage(kafka, redis, folder_of_redis, road, workers, tuple(services), reference)


async def _service(road: Road, stack: AsyncExitStack, **settings: str) -> Service:
    process = road.search(**settings)
    client = await stack.enter_async_context(road.client())
    return Service(process, road.url, client)
