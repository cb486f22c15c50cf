"""What a cluster tells of itself."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from aiokafka.client import AIOKafkaClient

from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.reasons import connecting

REACH_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """The brokers by the addresses that they name, host:port, and those of them that cannot be reached from here.

    `seconds` is what it took to connect and ask.
    """

    brokers: list[str]
    unreachable: list[str]
    seconds: float


async def describe_cluster(connection: KafkaConnection) -> Cluster:
    """The cluster behind the addresses. Raises TransientError where no broker answers."""
    start = time.perf_counter()
    client = AIOKafkaClient(**connection.options())
    try:
        async with connecting(connection):
            await client.bootstrap()
            brokers = {f"{each.host}:{each.port}": each.nodeId for each in client.cluster.brokers()}
            reached = await asyncio.gather(*(_is_reached(client, node) for node in brokers.values()))
            unreachable = [address for address, is_reached in zip(brokers, reached, strict=True) if not is_reached]
        return Cluster(sorted(brokers), sorted(unreachable), time.perf_counter() - start)
    finally:
        await client.close()


async def _is_reached(client: AIOKafkaClient, node: int) -> bool:
    """An address that nobody has at all does not refuse: it never answers."""
    try:
        async with asyncio.timeout(REACH_SECONDS):
            return bool(await client.ready(node))
    except TimeoutError:
        return False
