"""Servers that tests share, and servers that a test may kill. All start only when a test asks for them."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import settings
from playwright.async_api import Browser

from freshet.local.artifacts import Artifacts
from freshet.local.engine import LocalQdrant
from freshet.local.folders import cache_folder
from freshet.local.kafka import LocalKafka
from tests.support.browser import running_browser
from tests.support.secure_kafka import SecureKafka, secure_kafka
from tests.support.servers import (
    QUICK_CLEANER,
    KafkaServer,
    LocalRedis,
    QdrantServer,
    Servers,
    given_qdrant,
    log_file,
)
from tests.support.sharing import scheduler

os.environ["HF_HUB_OFFLINE"] = "1"  # before anything imports it: no test may ask a model hub

settings.register_profile("freshet", deadline=None)  # machines are noisy, and no test asserts a time
settings.load_profile("freshet")

SHARED = pytest.StashKey[Servers]()


pytest_xdist_make_scheduler = scheduler


def pytest_runtest_setup(item: pytest.Item) -> None:
    if shared := item.config.stash.get(SHARED, None):
        shared.check_alive()


@pytest.fixture(scope="session")
async def shared_servers(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Servers]:
    servers = Servers(tmp_path_factory.mktemp("servers"))
    pytestconfig.stash[SHARED] = servers
    yield servers
    await servers.stop()


@pytest.fixture(scope="session")
async def kafka(shared_servers: Servers) -> KafkaServer:
    """A broker: `kafka.bootstrap`, and `await kafka.create_topic("documents", partitions=4)` makes a new topic."""
    return KafkaServer((await shared_servers.kafka("kafka")).bootstrap)


@pytest.fixture(scope="session")
async def guarded_kafka(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SecureKafka]:
    """A broker with TLS, SASL and ACLs; tests use topics and indexes of their own."""
    folder = tmp_path_factory.mktemp("guarded")
    async with await asyncio.to_thread(secure_kafka, folder, log_file("guarded-kafka"), QUICK_CLEANER) as kafka:
        yield kafka


@pytest.fixture(scope="session")
async def redis_url(shared_servers: Servers) -> str:
    """A Redis: tests use key prefixes of their own."""
    return (await shared_servers.redis("redis")).url


@pytest.fixture(scope="session")
async def qdrant(shared_servers: Servers) -> QdrantServer:
    """The local engine, or the server that FRESHET_TEST_QDRANT_URL (and _KEY) names. Name your collections yourself."""
    if given := given_qdrant():
        return given
    server = await shared_servers.qdrant("qdrant")
    return QdrantServer(url=server.url, api_key=server.api_key)


@pytest.fixture(scope="session")
def model_folder() -> Path:
    """The real embedding model, downloaded at first use."""
    return Artifacts(cache_folder()).model_folder()


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with running_browser() as browser:
        yield browser


@pytest.fixture
async def own_servers(tmp_path: Path) -> AsyncIterator[Servers]:
    """Servers of one test, which it may kill, pause and restart; what still runs at its end is ended."""
    servers = Servers(tmp_path)
    yield servers
    await servers.stop()


class StartKafka(Protocol):
    def __call__(self, *, extra: Mapping[str, str] | None = None) -> Awaitable[LocalKafka]: ...


class StartRedis(Protocol):
    def __call__(self, *, persistent: bool = False) -> Awaitable[LocalRedis]: ...


@pytest.fixture
def restartable_kafka(own_servers: Servers, log_name: Callable[[str], str]) -> StartKafka:
    """`broker = await restartable_kafka()`; then `broker.stop()`, `.start()`, `.process.kill()`, `.process.pause()`."""

    async def start(*, extra: Mapping[str, str] | None = None) -> LocalKafka:
        return await own_servers.kafka(log_name("kafka"), extra=extra)

    return start


@pytest.fixture
def restartable_qdrant(own_servers: Servers, log_name: Callable[[str], str]) -> Callable[[], Awaitable[LocalQdrant]]:
    """`engine = await restartable_qdrant()`: always the local engine, for a given server cannot be killed."""

    async def start() -> LocalQdrant:
        return await own_servers.qdrant(log_name("qdrant"))

    return start


@pytest.fixture
def restartable_redis(own_servers: Servers, log_name: Callable[[str], str]) -> StartRedis:
    """`redis = await restartable_redis()`: `persistent=True` keeps its keys over a restart."""

    async def start(*, persistent: bool = False) -> LocalRedis:
        return await own_servers.redis(log_name("redis"), persistent=persistent)

    return start


@pytest.fixture
def log_name(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Names logs after the test: `test_a_worker_survives-kafka`, `…-kafka-2` for a second one."""
    test = re.sub(r"\W+", "-", request.node.name).strip("-")[:80]
    taken: list[str] = []

    def name(server: str) -> str:
        taken.append(server)
        count = taken.count(server)
        return f"{test}-{server}" + (f"-{count}" if count > 1 else "")

    return name
