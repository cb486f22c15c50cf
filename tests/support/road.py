"""The whole road as users run it: worker and service started by their commands, on servers of their own names."""

import asyncio
import json
import os
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from freshet import OverloadedError, Publisher, SearchClient
from freshet.local.processes import LOOPBACK, ChildProcess, free_port
from freshet.search.index.qdrant.client import connect
from freshet.search.index.qdrant.writer import QdrantWriter
from tests.support.servers import LOGS, log_file
from tests.support.waiting import wait_until

ROOT = LOGS.parents[1]


class Road:
    """One index over one topic; `worker()` and `search()` make processes that a test starts, kills and starts again."""

    def __init__(
        self,
        *,
        bootstrap: str,
        qdrant_url: str,
        qdrant_key: str | None,
        log_name: Callable[[str], str],
        settings: Mapping[str, str] | None = None,
        module: str = "freshet",
    ) -> None:
        name = uuid.uuid4().hex[:10]
        self.bootstrap = bootstrap
        self.topic = (settings or {}).get("FRESHET_TOPICS__DOCUMENTS", f"documents-{name}")
        self._log_name = log_name
        self._module = module
        self._qdrant = (qdrant_url, qdrant_key)
        self._url = ""
        self.environment = {
            "FRESHET_KAFKA__BOOTSTRAP_SERVERS": bootstrap,
            "FRESHET_TOPICS__DOCUMENTS": self.topic,
            "FRESHET_INDEX": f"index-{name}",
            "FRESHET_QDRANT__URL": qdrant_url,
            **({"FRESHET_QDRANT__API_KEY": qdrant_key} if qdrant_key else {}),
            **(settings or {}),
        }

    def worker(self, **environment: str) -> "Process":
        settings = {**self.environment, **environment}
        return Process("worker", settings, log=self._log_name("worker"), ready="/readyz", module=self._module)

    def search(self, **environment: str) -> "Process":
        port = free_port()
        self._url = f"http://{LOOPBACK}:{port}"
        settings = {**self.environment, "FRESHET_SEARCH__PORT": str(port), **environment}
        return Process("search", settings, log=self._log_name("search"), ready="/livez", module=self._module)

    def replay(self, *options: str, **environment: str) -> "Process":
        """`freshet replay run`, whose log holds what it tells as lines of JSON."""
        command = " ".join(["replay run --json", *options])
        settings = {**self.environment, **environment}
        return Process(command, settings, log=self._log_name("replay"), ready="/readyz", module=self._module)

    @property
    def url(self) -> str:
        return self._url

    def publisher(self) -> Publisher:
        return Publisher(self.bootstrap, topic=self.topic)

    async def find(self, query: str, *, limit: int = 5) -> list[dict[str, Any]]:
        """The results of a search; none while no version is live."""
        async with self.client() as client:
            return await self.ask(client, query, limit=limit)

    def client(self) -> SearchClient:
        """One that does not wait by itself: tests do."""
        return SearchClient(self.url, retry_seconds=0)

    async def ask(self, client: SearchClient, query: str, *, limit: int = 5) -> list[dict[str, Any]]:
        try:
            answer = await client.search(query, limit=limit)
        except OverloadedError:
            return []
        return [result.model_dump(mode="json") for result in answer.results]

    async def found_first(self, query: str, document_id: str, *, deadline: float = 30) -> dict[str, Any]:
        """Wait until the best answer to a query is this document."""

        async def best() -> dict[str, Any] | None:
            results = await self.find(query, limit=1)
            return results[0] if results and results[0]["id"] == document_id else None

        return dict(await wait_until(best, f"{document_id} is the best answer to {query!r}", deadline=deadline))

    async def all_indexed(self, worker: "Process", events: int, *, deadline: float = 120) -> None:
        """Wait until a worker has taken that many events to their end."""

        async def enough() -> bool:
            return sum((await worker.metric("freshet_events_total")).values()) >= events

        await wait_until(enough, f"{events} events are done", deadline=deadline)

    async def caught_up(self, *, deadline: float = 120) -> None:
        """Wait until the committed offsets are the ends of the topic."""

        async def done() -> bool:
            code, output = await self.command("lag", "--json")
            return code == 0 and all(each["events"] == 0 for each in json.loads(output))

        await wait_until(done, "the worker has caught up", deadline=deadline)

    async def command(
        self, *arguments: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """Run `freshet` with arguments; exit code and everything that it printed."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "freshet",
            *arguments,
            env=Process.inherited({**self.environment, **(environment or {})}),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate(stdin)
        return process.returncode or 0, output.decode()

    async def produce(self, records: Sequence[tuple[bytes | None, bytes | None]]) -> None:
        """Put raw records into the topic, as a careless upstream would."""
        async with AIOKafkaProducer(bootstrap_servers=self.bootstrap, max_request_size=3_000_000) as producer:
            for key, value in records:
                await producer.send(self.topic, key=key, value=value)
            await producer.flush()

    async def produce_to(self, partition: int, key: bytes, value: bytes) -> None:
        """Put a raw record into one partition, whatever its key says."""
        async with AIOKafkaProducer(bootstrap_servers=self.bootstrap) as producer:
            await producer.send_and_wait(self.topic, key=key, value=value, partition=partition)

    async def records(self, topic: str) -> "list[ConsumerRecord[bytes, bytes]]":
        """Everything in a topic."""
        found: list[ConsumerRecord[bytes, bytes]] = []
        async with AIOKafkaConsumer(bootstrap_servers=self.bootstrap, max_partition_fetch_bytes=4_000_000) as consumer:
            await consumer._client.force_metadata_update()
            partitions = [TopicPartition(topic, each) for each in consumer._client.cluster.partitions_for_topic(topic)]
            consumer.assign(partitions)
            await consumer.seek_to_beginning(*partitions)
            ends = await consumer.end_offsets(partitions)
            for partition, end in ends.items():
                while await consumer.position(partition) < end:
                    for several in (await consumer.getmany(timeout_ms=500)).values():
                        found += several
        return found

    @asynccontextmanager
    async def index(self) -> AsyncIterator[QdrantWriter]:
        """What the live version holds."""
        url, key = self._qdrant
        client = connect(url, api_key=key)
        try:
            aliases = await client.get_aliases()
            name = self.environment["FRESHET_INDEX"]
            collection = next(each.collection_name for each in aliases.aliases if each.alias_name == name)
            yield QdrantWriter(client, collection=collection, dimension=384)
        finally:
            await client.close()


class Process(ChildProcess):
    """A worker or a search service, with its probes; `module` is run with the command and its options."""

    def __init__(
        self, command: str, environment: Mapping[str, str], *, log: str, ready: str, module: str = "freshet"
    ) -> None:
        self.probes = f"http://{LOOPBACK}:{(port := free_port())}"
        self._ready_path = ready
        settings = {**environment, "FRESHET_PROBES__PORT": str(port)}
        super().__init__(
            f"freshet {command}",
            [sys.executable, "-m", module, *command.split()],
            log=log_file(log),
            ready=self._is_ready,
            env=settings,
            inherit=self.inherited({}),
            cwd=ROOT,
        )

    @staticmethod
    def inherited(environment: Mapping[str, str]) -> dict[str, str]:
        """Our environment without a developer's own settings."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FRESHET_")}
        if cache := os.environ.get("FRESHET_CACHE_DIR"):
            kept["FRESHET_CACHE_DIR"] = cache
        return {**kept, **environment}

    def spawn(self) -> None:
        """Start without waiting until it is ready."""
        self._spawn()

    async def probe(self, path: str) -> tuple[int, str]:
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{self.probes}{path}") as answer:
                return answer.status, await answer.text()
        except aiohttp.ClientError as error:
            return 0, str(error)

    async def metric(self, name: str) -> dict[str, float]:
        """The samples of a metric by the values of their labels."""
        status, text = await self.probe("/metrics")
        if status != 200:
            return {}
        samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
        return {",".join(each.labels.values()): each.value for each in samples if each.name == name}

    async def _is_ready(self) -> bool:
        status, _ = await self.probe(self._ready_path)
        return status == 200
