"""Real servers for tests: started when first asked for, once per run, each with its log under tests/logs/."""

import asyncio
import os
import shutil
import tempfile
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from freshet.local.artifacts import Artifacts
from freshet.local.engine import LocalQdrant
from freshet.local.folders import cache_folder
from freshet.local.kafka import LocalKafka
from freshet.local.processes import LOOPBACK, ChildProcess, free_port
from tests.support.certificates import Pair
from tests.support.proxied_kafka import ProxiedKafka

LOGS = Path(__file__).parents[1] / "logs"
QDRANT_URL = "FRESHET_TEST_QDRANT_URL"
QDRANT_KEY = "FRESHET_TEST_QDRANT_KEY"
QUICK_CLEANER = {"log.cleaner.backoff.ms": "200"}  # compaction looks for work so often, by default every 15 s


class LocalRedis:
    """A redis-server of our own, without persistence unless `persistent`, that may be stopped, killed and restarted.

    With a certificate it speaks TLS too, at `tls_url`.
    """

    def __init__(
        self,
        *,
        folder: Path,
        log: Path,
        port: int | None = None,
        persistent: bool = False,
        certificate: Pair | None = None,
    ) -> None:
        self.port = port or free_port()
        self._tls_port = free_port()
        self._folder = folder
        keep = ["--appendonly", "yes"] if persistent else []
        settings = ["--bind", LOOPBACK, "--port", str(self.port), "--dir", str(folder), "--save", "", *keep]
        if certificate is not None:
            files = ["--tls-cert-file", str(certificate.certificate), "--tls-key-file", str(certificate.key)]
            settings += ["--tls-port", str(self._tls_port), *files, "--tls-auth-clients", "no"]
        self.process = ChildProcess("Redis", [_redis_server(), *settings], log=log, ready=self._answers)

    @property
    def url(self) -> str:
        return f"redis://{LOOPBACK}:{self.port}/0"

    @property
    def tls_url(self) -> str:
        return f"rediss://{LOOPBACK}:{self._tls_port}/0"

    async def start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        await self.process.start()

    async def stop(self) -> None:
        await self.process.stop()

    async def _answers(self) -> bool:
        reader, writer = await asyncio.open_connection(LOOPBACK, self.port)
        try:
            writer.write(b"PING\r\n")
            return await reader.readline() == b"+PONG\r\n"
        finally:
            writer.close()


def _redis_server() -> str:
    if found := shutil.which("redis-server"):
        return found
    raise AssertionError("these tests need redis-server: `make test` installs it, or `apt-get install redis-server`")


@dataclass(frozen=True)
class KafkaServer:
    """A broker for tests to share: each makes topics of its own."""

    bootstrap: str

    async def create_topic(
        self, prefix: str = "topic", *, partitions: int = 1, settings: Mapping[str, str] | None = None
    ) -> str:
        """Create a topic with a name that no other test has; answers the name."""
        name = f"{prefix}-{uuid.uuid4().hex[:12]}"
        await create_topics(self.bootstrap, {name: partitions}, settings=settings)
        return name


async def create_topics(
    bootstrap: str, topics: Mapping[str, int], *, settings: Mapping[str, str] | None = None
) -> None:
    """Create `topics`, name → number of partitions, and fail when one could not be created."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        new = [NewTopic(name, count, 1, topic_configs=dict(settings or {})) for name, count in topics.items()]
        answer = await admin.create_topics(new)
        problems = [error for error in answer.to_object()["topic_errors"] if error["error_code"] != 0]
        assert not problems, f"topics were not created: {problems}"
    finally:
        await admin.close()


@dataclass(frozen=True)
class QdrantServer:
    """Where a Qdrant for tests is, and the key that it wants."""

    url: str
    api_key: str | None


def given_qdrant() -> QdrantServer | None:
    """The real server that the environment names, if it does."""
    url = os.environ.get(QDRANT_URL)
    return QdrantServer(url=url, api_key=os.environ.get(QDRANT_KEY)) if url else None


Server = TypeVar("Server", LocalKafka, LocalQdrant, LocalRedis)


@dataclass
class Servers:
    """Starts servers in temporary folders and ends whatever it started; `name` is the log's."""

    folder: Path
    _running: list[LocalKafka | LocalQdrant | LocalRedis] = field(default_factory=list)

    async def kafka(self, name: str, *, extra: Mapping[str, str] | None = None) -> LocalKafka:
        return await self._keep(LocalKafka(**await self._of_kafka(name, extra)))

    async def proxied_kafka(
        self, name: str, *, before: int, behind: int, extra: Mapping[str, str] | None = None
    ) -> LocalKafka:
        """A broker whose clients may also come by a proxy at `before`, which passes on to `behind`."""
        return await self._keep(ProxiedKafka(before=before, behind=behind, **await self._of_kafka(name, extra)))

    async def qdrant(self, name: str) -> LocalQdrant:
        return await self._keep(LocalQdrant(folder=self._new(name), log=log_file(name)))

    async def redis(self, name: str, *, persistent: bool = False) -> LocalRedis:
        return await self._keep(LocalRedis(folder=self._new(name), log=log_file(name), persistent=persistent))

    async def stop(self) -> None:
        """End them all, the youngest first."""
        while self._running:
            await self._running.pop().stop()

    def check_alive(self) -> None:
        """Fail when a server died that should run as long as we do."""
        for server in self._running:
            process = server.process
            assert process.alive, f"{process.name} died under the tests; {process.log} ends with:\n{process.log_tail()}"

    def _new(self, name: str) -> Path:
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder))

    async def _of_kafka(self, name: str, extra: Mapping[str, str] | None) -> dict[str, Any]:
        jars = await asyncio.to_thread(Artifacts(cache_folder()).kafka_jars)
        settings = {**QUICK_CLEANER, **(extra or {})}
        return {"jars": jars, "folder": self._new(name), "log": log_file(name), "extra": settings}

    async def _keep(self, server: Server) -> Server:
        await server.start()
        self._running.append(server)
        return server


def is_frozen(pid: int) -> bool:
    """Whether all threads of a process that was paused have stopped, which takes those a moment that are running."""
    states = [file.read_text().rpartition(")")[2].split()[0] for file in Path(f"/proc/{pid}/task").glob("*/stat")]
    return all(state == "T" for state in states)


def log_file(name: str) -> Path:
    """A fresh log: what an earlier run left is dropped."""
    LOGS.mkdir(exist_ok=True)
    file = LOGS / f"{name}.log"
    file.unlink(missing_ok=True)
    return file
