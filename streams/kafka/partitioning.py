"""Where a document's events lie when they were published as Java clients do it: murmur2 of the key."""

from __future__ import annotations

from aiokafka.partitioner import DefaultPartitioner

_PARTITIONER = DefaultPartitioner()


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key in a topic of so many partitions."""
    every = list(range(partitions))
    return int(_PARTITIONER(key, every, every))
