"""A record that aiokafka can write, if it is made to, and cannot read."""

from aiokafka import AIOKafkaProducer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy


class Latin(str):
    """A header's name as clients that check nothing send it: not UTF-8."""

    __slots__ = ()

    def encode(self, *_: object) -> bytes:
        return str.encode(self, "latin-1")


async def send_unreadable(producer: AIOKafkaProducer, topic: str) -> None:
    """Write it to partition 0."""
    batch = producer.create_batch()
    batch._builder = _DefaultRecordBatchBuilderPy(2, 0, 0, -1, -1, -1, 1_000_000)
    batch.append(key=b"k", value=b"x", timestamp=1, headers=[(Latin("größe"), b"")])
    await (await producer.send_batch(batch, topic, partition=0))
