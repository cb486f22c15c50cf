"""What a cluster tells of itself and of its consumer groups."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any, Final

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import for_code

from freshet.streams.kafka.admin import admin_client
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.errors import kafka_errors, outside_error
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


@dataclass(frozen=True, slots=True)
class Group:
    """A consumer group: Kafka's word for its state, such as Stable or Empty, and how many members it has."""

    name: str
    state: str
    members: int


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


async def describe_groups(connection: KafkaConnection, names: list[str]) -> list[Group]:
    """These groups; one that nobody ever joined is in the state Dead. Raises DeniedError without the right to see."""
    operation = "describe consumer groups"
    async with admin_client(connection) as admin:
        with kafka_errors(operation):
            responses: list[Any] = await admin.describe_consumer_groups(names)
    found = []
    for code, name, state, _, _, members, *_ in (group for each in responses for group in each.groups):
        if code:
            raise outside_error(operation, for_code(code)(name))
        found.append(Group(name, state, len(members)))
    return found
