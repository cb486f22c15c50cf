"""Writing to Kafka: idempotent, acknowledged by all replicas, partitioned as Java clients do it.

An aiokafka producer whose delivery failed is of no more use: the sequence number of the failed batch is taken, so the
broker refuses every later one of that partition as out of order. Such a producer is replaced before the next send.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from types import TracebackType
from typing import Final, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from freshet.schemas.errors import OutsideError, TransientError
from freshet.schemas.positions import FreshnessToken
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.errors import kafka_errors
from freshet.streams.kafka.reasons import connecting
from freshet.streams.messages import Headers, Message

LINGER_MS: Final = 0  # what is sent while a request is on its way travels together anyway
BATCH_BYTES: Final = 64 * 1024  # brokers hold a topic's max.message.bytes against whole batches
# What is too large for its topic the broker refuses; beyond this, brokers as they come just hang up.
MAX_REQUEST_BYTES: Final = 100_000_000
WRITE: Final = "write to Kafka"
# Refusals of a record before it became part of a batch.
_HARMLESS: Final = (
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)


class Delivery:
    """A record on its way; `token()` waits until Kafka has it."""

    def __init__(self, owner: KafkaProducer, via: AIOKafkaProducer, future: asyncio.Future, topic: str) -> None:  # type: ignore[type-arg]
        self._owner = owner
        self._via = via
        self._future = future
        self._topic = topic
        future.add_done_callback(self._done)

    async def token(self) -> FreshnessToken:
        """Where the record lies. Raises the error of its delivery; TransientError when it takes too long.

        A record that took too long may still be written, in its order.
        """
        done, _ = await asyncio.wait([self._future], timeout=self._owner.timeout)
        if not done:
            hint = "it may still be written; is Kafka running?"
            raise TransientError(WRITE, f"not acknowledged after {self._owner.timeout:g} s", hint=hint)
        with kafka_errors(f"{WRITE} ({self._topic})"):
            metadata = self._future.result()
        if metadata.offset < 0:  # a repetition that the broker recognised without knowing where the first one lies
            raise TransientError(WRITE, "written, but Kafka does not say where", hint="publish it again")
        return FreshnessToken(metadata.topic, metadata.partition, metadata.offset)

    def _done(self, future: asyncio.Future) -> None:  # type: ignore[type-arg]
        if not future.cancelled() and future.exception() is not None:
            self._owner.spoilt(self._via)


class KafkaProducer:
    """`async with KafkaProducer(connection) as producer`; safe to use from many tasks of one event loop.

    Records of one task are written in the order in which it sends them. `timeout` bounds, in seconds, the wait for an
    acknowledgement and for the last records at the end. Without `start` it connects when it is first used.
    """

    def __init__(self, connection: KafkaConnection, *, timeout: float | None = None) -> None:
        self.timeout = connection.timeout if timeout is None else timeout
        self._connection = connection
        self._producer: AIOKafkaProducer | None = None
        self._spoilt = False
        self._ended = False
        self._renewing = asyncio.Lock()
        self._partitions: dict[str, int] = {}

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Connect. Raises TransientError where Kafka cannot be reached, DeniedError where it refuses us."""
        producer = AIOKafkaProducer(
            **self._connection.options(),
            enable_idempotence=True,
            acks="all",
            linger_ms=LINGER_MS,
            max_batch_size=BATCH_BYTES,
            max_request_size=MAX_REQUEST_BYTES,
        )
        try:
            async with connecting(self._connection), asyncio.timeout(self.timeout):
                await producer.start()
        except BaseException:
            await producer.stop()
            raise
        self._producer, self._spoilt = producer, False

    async def stop(self, *, within: float | None = None) -> None:
        """Wait `within` seconds (by default `timeout`) for what was sent, and disconnect."""
        self._ended = True
        producer, self._producer = self._producer, None
        if producer is not None:
            await _end(producer, self.timeout if within is None else within)

    async def send(
        self,
        topic: str,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: Headers = (),
        partition: int | None = None,
    ) -> Delivery:
        """Hand a record over; it is written when its Delivery says so.

        Waits while the buffer is full. Raises PermanentError for one that is too large, TransientError where the topic
        (or its partition) does not exist.
        """
        producer = await self._usable()
        await self._check(producer, topic, partition)
        try:
            with kafka_errors(f"{WRITE} ({topic})"):
                future = await producer.send(topic, value, key, partition, headers=list(headers))
        except OutsideError as error:
            if not isinstance(error.__cause__, _HARMLESS):
                self.spoilt(producer)
            raise
        return Delivery(self, producer, future, topic)

    async def send_all(self, records: Iterable[Message]) -> list[FreshnessToken]:
        """Write records in their order, many at a time; their tokens, in the same order.

        When one fails, the others may have been written all the same.
        """
        deliveries = [
            await self.send(each.topic, key=each.key, value=each.value, headers=each.headers, partition=each.partition)
            for each in records
        ]
        return [await delivery.token() for delivery in deliveries]

    async def partitions(self, topic: str) -> int:
        """How many partitions a topic has. Raises TransientError where it does not exist."""
        await self._check(await self._usable(), topic, None)
        return self._partitions[topic]

    def spoilt(self, producer: AIOKafkaProducer) -> None:
        """Note that a delivery of this producer failed."""
        self._spoilt = self._spoilt or producer is self._producer

    async def _usable(self) -> AIOKafkaProducer:
        if self._producer is None or self._spoilt:
            async with self._renewing:
                await self._renew()
        if self._producer is None:
            raise RuntimeError("the producer has ended")
        return self._producer

    async def _renew(self) -> None:
        if self._producer is not None and self._spoilt:
            await _end(self._producer, self.timeout)  # first what others sent before, for the order's sake
            await self.start()
        elif self._producer is None and not self._ended:
            await self.start()

    async def _check(self, producer: AIOKafkaProducer, topic: str, partition: int | None) -> None:
        if (partition or 0) >= self._partitions.get(topic, 0):
            self._partitions = await _all_partitions(producer)
        count = self._partitions.get(topic)
        if count is None:
            raise TransientError(WRITE, f"there is no topic {topic}", hint=self._connection.no_topic_hint)
        if partition is not None and partition >= count:
            raise TransientError(WRITE, f"{topic} has no partition {partition}, only {count} of them")


async def _all_partitions(producer: AIOKafkaProducer) -> dict[str, int]:
    """Partitions by topic: of all, for naming one that is missing creates it where brokers do that by themselves."""
    with kafka_errors("describe topics"):
        cluster = await producer.client.fetch_all_metadata()
    return {topic: len(cluster.partitions_for_topic(topic)) for topic in cluster.topics()}


async def _end(producer: AIOKafkaProducer, timeout: float) -> None:
    """Stop a producer once all is written, or abandon the rest: its own stop waits for an absent broker without end."""
    try:
        await asyncio.wait_for(producer.flush(), timeout)
    except TimeoutError:
        producer._closed = True  # noqa: SLF001
        await producer._sender.close()  # noqa: SLF001
        await producer.client.close()
    else:
        await producer.stop()
