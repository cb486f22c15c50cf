"""Reading stretches of a topic, from outside every group."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

from aiokafka import AIOKafkaConsumer, TopicPartition

from freshet.schemas.decoding import Record
from freshet.schemas.errors import TransientError
from freshet.streams.kafka.admin import admin_client, partitions_of
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.consumer import record_of
from freshet.streams.kafka.errors import kafka_errors
from freshet.streams.kafka.reasons import connecting
from freshet.streams.kafka.stopping import stop_consumer
from freshet.streams.retrying import Spans

POLL_MS: Final = 500
MOST_RECORDS: Final = 500  # at a time; what is fetched for them is bounded by aiokafka, about 1 MB a partition
FETCH_OPTIONS: Final = ("fetch_max_bytes", "max_partition_fetch_bytes")


class KafkaReader:
    """`async with KafkaReader(connection, topic) as reader`. Raises TransientError where Kafka cannot be reached.

    It raises PermanentError that names the command to create topics where there is no such topic.
    """

    def __init__(
        self, connection: KafkaConnection, topic: str, *, most: int = MOST_RECORDS, fetch_bytes: int | None = None
    ) -> None:
        """`most` records come at a time; `fetch_bytes` are asked for at once, else 1 MB of each partition."""
        self._most = most
        self._limits: dict[str, Any] = {} if fetch_bytes is None else dict.fromkeys(FETCH_OPTIONS, fetch_bytes)
        self._connection = connection
        self._topic = topic
        self._operation = f"read {topic}"
        self._partitions: list[TopicPartition]
        self._consumer: AIOKafkaConsumer

    async def __aenter__(self) -> Self:
        async with admin_client(self._connection) as admin:
            self._partitions = await partitions_of(self._connection, admin, self._topic)
        options = self._connection.options()
        self._consumer = AIOKafkaConsumer(
            **options,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",  # as the worker reads
            **self._limits,
        )
        try:
            async with connecting(self._connection):
                await self._consumer.start()
        except BaseException:
            await stop_consumer(self._consumer)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await stop_consumer(self._consumer)

    async def spans(self) -> Spans:
        """The offsets that the partitions have now."""
        with kafka_errors(self._operation):
            begin = await self._consumer.beginning_offsets(self._partitions)
            end = await self._consumer.end_offsets(self._partitions)
        return {part.partition: range(begin[part], end[part]) for part in self._partitions}

    async def since(self, time: float) -> Spans:
        """The offsets of what was written at `time`, in seconds since the epoch, or later."""
        with kafka_errors(self._operation):
            starts = await self._consumer.offsets_for_times({part: round(time * 1_000) for part in self._partitions})
        first = {part.partition: found.offset for part, found in starts.items() if found is not None}
        spans = await self.spans()
        return {number: range(first.get(number, span.stop), span.stop) for number, span in spans.items()}

    async def read(self, spans: Spans) -> AsyncIterator[Sequence[Record]]:
        """The records at these offsets, as far as there are any; see `freshet.streams.retrying.Source`."""
        waiting = {TopicPartition(self._topic, number): span for number, span in spans.items() if span}
        self._consumer.assign(list(waiting))
        for part, span in waiting.items():
            self._consumer.seek(part, span.start)
        heard = time.monotonic()
        while waiting:
            records = await self._fetch(waiting)
            if not records and time.monotonic() - heard > self._connection.timeout:
                raise TransientError(self._operation, f"no answer within {self._connection.timeout:g} s")
            if records:
                yield [each for each in records if each.offset in spans[each.partition]]
                heard = time.monotonic()
            with kafka_errors(self._operation):
                ended = {part for part, span in waiting.items() if await self._consumer.position(part) >= span.stop}
            waiting = {part: span for part, span in waiting.items() if part not in ended}

    async def follow(self, starts: Mapping[int, int]) -> AsyncIterator[Sequence[Record]]:
        """The records from these offsets on as they come, without end."""
        parts = {TopicPartition(self._topic, number): offset for number, offset in starts.items()}
        self._consumer.assign(list(parts))
        for part, offset in parts.items():
            self._consumer.seek(part, offset)
        while True:
            if records := await self._fetch(parts):
                yield records

    async def _fetch(self, waiting: Collection[TopicPartition]) -> list[Record]:
        with kafka_errors(self._operation):
            found = await self._consumer.getmany(*waiting, timeout_ms=POLL_MS, max_records=self._most)
        return [record_of(each) for several in found.values() for each in several]
