"""The documents topic as the brokers know it, with its id: aiokafka speaks no protocol version that tells ids."""

from __future__ import annotations

from collections.abc import Collection
from io import BytesIO
from types import TracebackType
from typing import Any, Final, Self
from uuid import UUID

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import UnknownTopicOrPartitionError, for_code
from aiokafka.protocol.abstract import AbstractType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.metadata import MetadataRequest_v5
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Schema, TaggedFields

from freshet.schemas.topics import Source
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.errors import kafka_errors, outside_error
from freshet.streams.kafka.stopping import uncut

_OPERATION: Final = "look at the topic"
_BY_NAME: Final = UUID(int=0)  # in a question; brokers that know no ids say nothing else


async def find_source(connection: KafkaConnection, topic: str) -> Source | None:
    """The topic of that name, or None. Changes nothing, not even where brokers make topics by themselves.

    Raises TransientError, and DeniedError without the right to see it.
    """
    _, found = await find_sources(connection, [topic])
    return found.get(topic)


async def find_sources(connection: KafkaConnection, topics: Collection[str]) -> tuple[str | None, dict[str, Source]]:
    """The id of the cluster, where the brokers tell it, and those of the topics that are there. As `find_source`."""
    async with SourceFinder(connection) as finder:
        return await finder.find(topics)


class SourceFinder:
    """`async with SourceFinder(connection) as finder`: for who looks again and again, with one connection."""

    def __init__(self, connection: KafkaConnection) -> None:
        self._options = connection.options()
        self._client: AIOKafkaClient | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def find(self, topics: Collection[str]) -> tuple[str | None, dict[str, Source]]:
        """As `find_sources`; it connects when it is first needed."""
        told = await uncut(self._ask(topics))
        found = [_source(each) for each in told["topics"]]
        return told["cluster_id"], {each.topic: each for each in found if each is not None}

    async def _ask(self, topics: Collection[str]) -> Any:
        with kafka_errors(_OPERATION):
            if self._client is None:
                self._client = AIOKafkaClient(**self._options)
                await self._client.bootstrap()
            answer: Any = await self._client.send(self._client.get_random_node(), _TopicRequest(topics))
        return answer.to_object()

    async def close(self) -> None:
        """Disconnect; it may be asked again. Idempotent."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()


def _source(told: Any) -> Source | None:
    name, code = told["topic"], told["error_code"]
    if code == UnknownTopicOrPartitionError.errno:
        return None
    if code:
        raise outside_error(_OPERATION, for_code(code)(name))
    id_ = told.get("topic_id", _BY_NAME)
    return Source(name, len(told["partitions"]), None if id_ == _BY_NAME else str(id_))


class _Uuid(AbstractType[UUID]):
    @classmethod
    def encode(cls, value: UUID) -> bytes:
        return value.bytes

    @classmethod
    def decode(cls, data: BytesIO) -> UUID:
        return UUID(bytes=data.read(16))


_TAGS: Final = ("tags", TaggedFields)


class _Topic_v10(Response):  # noqa: N801 (aiokafka's way of naming versions)
    API_KEY = 3
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32), ("host", CompactString()), ("port", Int32), ("rack", CompactString()), _TAGS
            ),
        ),
        ("cluster_id", CompactString()),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("topic", CompactString()),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        _TAGS,
                    ),
                ),
                ("authorized_operations", Int32),
                _TAGS,
            ),
        ),
        ("authorized_operations", Int32),
        _TAGS,
    )


class _TopicRequest_v10(RequestStruct):  # noqa: N801
    FLEXIBLE_VERSION = True
    API_KEY = 3
    API_VERSION = 10
    RESPONSE_TYPE = _Topic_v10
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Uuid), ("topic", CompactString()), _TAGS)),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        _TAGS,
    )


class _TopicRequest(Request[MetadataRequest_v5 | _TopicRequest_v10]):
    """Topics by their names; in version 10 with their ids, and in 5 for brokers before Kafka 2.8 without."""

    API_KEY = 3

    def __init__(self, topics: Collection[str]) -> None:
        self._topics = list(topics)

    def build(
        self, request_struct_class: type[MetadataRequest_v5 | _TopicRequest_v10]
    ) -> MetadataRequest_v5 | _TopicRequest_v10:
        if issubclass(request_struct_class, _TopicRequest_v10):
            return request_struct_class([(_BY_NAME, each, {}) for each in self._topics], False, False, False, {})
        return request_struct_class(self._topics, False)
