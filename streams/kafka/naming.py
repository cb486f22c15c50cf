"""Members of a group that have a name of their own, which a restart keeps (KIP-345).

Whoever joins under a name replaces the member that had it. aiokafka does not ask whether that has happened: it takes
the brokers' answer for the end of a session and joins again, so two of one name would throw each other out for ever.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.protocol.api import Request, RequestStruct
from aiokafka.protocol.group import HeartbeatResponse_v1
from aiokafka.protocol.types import Int32, Schema, String

from freshet.schemas.errors import MisfitError

WATCH_SECONDS: Final = 2.0
_FENCED: Final = 82


class Member(NamedTuple):
    """A member as the group knows it since its last join; one that has not joined has an empty id."""

    id: str
    generation: int


def replaced(name: str) -> MisfitError:
    """What a worker ends with whose name another one has taken."""
    return MisfitError(
        f"another worker has joined the group as {name!r}, and this one ends: give each worker a name of its own with: "
        "FRESHET_WORKER__INSTANCE_ID=… freshet worker"
    )


def member_of(consumer: AIOKafkaConsumer) -> Member:
    coordinator = consumer._coordinator  # noqa: SLF001
    return Member("", -1) if coordinator is None else Member(coordinator.member_id, coordinator.generation)


async def is_replaced(consumer: AIOKafkaConsumer, member: Member, *, group: str, name: str) -> bool:
    """Whether another member has the name now. False also where nobody can tell (brokers before 2.3, or away)."""
    node = getattr(consumer._coordinator, "coordinator_id", None)  # noqa: SLF001
    if not member.id or node is None:
        return False
    try:
        # Not over the group's own connection, on which brokers answer nothing while a join waits for the others.
        answer: Any = await consumer._client.send(node, _NamedHeartbeat(group, member, name))  # noqa: SLF001
    except (KafkaError, NotImplementedError):
        return False
    return bool(answer.error_code == _FENCED)


class _NamedHeartbeatResponse(HeartbeatResponse_v1):
    API_VERSION = 3


class _NamedHeartbeat_v3(RequestStruct):  # noqa: N801 (aiokafka's way of naming versions)
    API_KEY = 12
    API_VERSION = 3
    RESPONSE_TYPE = _NamedHeartbeatResponse
    SCHEMA = Schema(
        ("group", String()), ("generation_id", Int32), ("member_id", String()), ("group_instance_id", String())
    )


class _NamedHeartbeat(Request[_NamedHeartbeat_v3]):
    API_KEY = 12

    def __init__(self, group: str, member: Member, name: str) -> None:
        self._fields = (group, member.generation, member.id, name)

    def build(self, request_struct_class: type[_NamedHeartbeat_v3]) -> _NamedHeartbeat_v3:
        return request_struct_class(*self._fields)
