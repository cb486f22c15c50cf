"""Consumer groups from outside: who is a member, and their end."""

from __future__ import annotations

from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, NamedTuple, Self

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupIdNotFound, for_code
from aiokafka.protocol.admin import DeleteGroupsRequest

from freshet.streams.kafka.admin import admin_client
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.coordinator import once_there


class GroupMember(NamedTuple):
    """A process that reads with a group, by the name that it gave itself, and the address that it came from."""

    client: str
    host: str


class Group(NamedTuple):
    """A consumer group: Kafka's word for its state, such as Stable or Empty, and who is a member."""

    name: str
    state: str
    members: list[GroupMember]


class KafkaGroups:
    """`async with KafkaGroups(connection) as groups`. Raises TransientError where Kafka cannot be reached."""

    def __init__(self, connection: KafkaConnection) -> None:
        self._connection = connection
        self._stack = AsyncExitStack()
        self._admin: AIOKafkaAdminClient

    async def __aenter__(self) -> Self:
        self._admin = await self._stack.enter_async_context(admin_client(self._connection))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def describe(self, group: str) -> Group:
        """A group, in the state Dead where nobody ever joined it. Raises DeniedError without the right to see it."""
        return await once_there("describe a consumer group", lambda: self._describe(group))

    async def members(self, group: str) -> list[GroupMember]:
        """Who is a member; nobody of a group that is not there. Raises as `describe`."""
        return (await self.describe(group)).members

    async def delete(self, group: str) -> None:
        """Delete a group with its committed offsets; one that is not there is deleted already. Idempotent.

        Raises TransientError while it has members, DeniedError without the right to Delete it.
        """
        await once_there("delete a group", lambda: self._delete(group))

    async def _describe(self, group: str) -> Group:
        # One at a time: aiokafka reads the answer by an older schema, which fits the first group of it alone.
        (answer,) = await self._admin.describe_consumer_groups([group])
        found: Any = answer
        code, _, state, _, _, members = found.groups[0][:6]
        if code:
            raise for_code(code)
        return Group(group, state, [GroupMember(client, host.removeprefix("/")) for _, client, host, *_ in members])

    async def _delete(self, group: str) -> None:
        node = await self._admin.find_coordinator(group)
        # The admin client has no method for it.
        answer: Any = await self._admin._send_request(DeleteGroupsRequest([group]), node)  # noqa: SLF001
        ((_, code),) = answer.results
        if code and for_code(code) is not GroupIdNotFound:
            raise for_code(code)


async def has_members(connection: KafkaConnection, group: str) -> bool:
    """Whether anybody is a member of a group. Raises as `KafkaGroups`."""
    async with KafkaGroups(connection) as groups:
        return bool(await groups.members(group))
