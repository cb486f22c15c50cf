"""What the user of a connection may do, as the brokers tell it: aiokafka speaks no protocol version that asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.errors import GroupAuthorizationFailedError, GroupCoordinatorNotAvailableError
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Bytes, Int16, Int32, Schema, String

from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.errors import kafka_errors
from freshet.streams.kafka.reasons import connecting

_NOT_TOLD: Final = -(2**31)
_MISSING: Final = 3  # no such topic
_DENIED: Final = {29, 30}  # not even to be described: a topic, a group


class Operation(IntEnum):
    """What may be allowed; the value is its bit in Kafka's answer."""

    READ = 3
    WRITE = 4
    CREATE = 5
    DELETE = 6
    DESCRIBE = 8
    DESCRIBE_CONFIGS = 10

    @property
    def title(self) -> str:
        """As Kafka's tools write it: DescribeConfigs."""
        return self.name.title().replace("_", "")


@dataclass(frozen=True, slots=True)
class Rights:
    """What is allowed by topic and by group. Missing topics are left out, and what the broker does not tell."""

    topics: Mapping[str, frozenset[Operation]]
    groups: Mapping[str, frozenset[Operation]]


async def ask_rights(connection: KafkaConnection, topics: Iterable[str], groups: Iterable[str]) -> Rights | None:
    """Ask without changing anything. None where the brokers are too old to tell (before Kafka 2.3)."""
    client = AIOKafkaClient(**connection.options())
    operation = "ask for rights"
    try:
        async with connecting(connection):
            await client.bootstrap()
        with kafka_errors(operation):
            node = client.get_random_node()
            of_topics: Any = await client.send(node, _TopicsRequest(list(topics)))
            of_groups = {}
            for group in groups:
                of_groups[group] = await _ask_group(client, group)
    except NotImplementedError:  # aiokafka's word for a version that the broker does not speak
        return None
    finally:
        await client.close()
    told = {name: _operations(code, bits) for code, name, _, _, bits in of_topics.topics if code != _MISSING}
    return Rights(_known(told), _known(of_groups))


async def _ask_group(client: AIOKafkaClient, group: str) -> frozenset[Operation] | None:
    try:
        coordinator = await client.coordinator_lookup(CoordinationType.GROUP, group)
    except GroupAuthorizationFailedError:
        return frozenset()
    except GroupCoordinatorNotAvailableError:  # this cluster never had a group
        return None
    answer: Any = await client.send(coordinator, _GroupsRequest([group]))
    ((code, *_, bits),) = answer.groups
    return _operations(code, bits)


def _operations(code: int, bits: int) -> frozenset[Operation] | None:
    if code in _DENIED:
        return frozenset()
    return None if bits == _NOT_TOLD else frozenset(each for each in Operation if bits >> each & 1)


def _known(told: Mapping[str, frozenset[Operation] | None]) -> dict[str, frozenset[Operation]]:
    return {name: operations for name, operations in told.items() if operations is not None}


class _Topics_v8(Response):  # noqa: N801 (aiokafka's way of naming versions)
    API_KEY = 3
    API_VERSION = 8
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("brokers", Array(("node_id", Int32), ("host", String()), ("port", Int32), ("rack", String()))),
        ("cluster_id", String()),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("topic", String()),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", Array(Int32)),
                        ("isr", Array(Int32)),
                        ("offline_replicas", Array(Int32)),
                    ),
                ),
                ("authorized_operations", Int32),
            ),
        ),
        ("authorized_operations", Int32),
    )


class _TopicsRequest_v8(RequestStruct):  # noqa: N801
    API_KEY = 3
    API_VERSION = 8
    RESPONSE_TYPE = _Topics_v8
    SCHEMA = Schema(
        ("topics", Array(String())),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
    )


class _TopicsRequest(Request[_TopicsRequest_v8]):
    API_KEY = 3

    def __init__(self, topics: list[str]) -> None:
        self._topics = topics

    def build(self, request_struct_class: type[_TopicsRequest_v8]) -> _TopicsRequest_v8:
        return request_struct_class(self._topics, False, False, True)


class _Groups_v3(Response):  # noqa: N801
    API_KEY = 15
    API_VERSION = 3
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "groups",
            Array(
                ("error_code", Int16),
                ("group", String()),
                ("state", String()),
                ("protocol_type", String()),
                ("protocol", String()),
                (
                    "members",
                    Array(
                        ("member_id", String()),
                        ("client_id", String()),
                        ("client_host", String()),
                        ("metadata", Bytes),
                        ("assignment", Bytes),
                    ),
                ),
                ("authorized_operations", Int32),
            ),
        ),
    )


class _GroupsRequest_v3(RequestStruct):  # noqa: N801
    API_KEY = 15
    API_VERSION = 3
    RESPONSE_TYPE = _Groups_v3
    SCHEMA = Schema(("groups", Array(String())), ("include_authorized_operations", Boolean))


class _GroupsRequest(Request[_GroupsRequest_v3]):
    API_KEY = 15

    def __init__(self, groups: list[str]) -> None:
        self._groups = groups

    def build(self, request_struct_class: type[_GroupsRequest_v3]) -> _GroupsRequest_v3:
        return request_struct_class(self._groups, True)
