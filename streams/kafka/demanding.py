"""Refusing to start without the rights that will be needed, before anything is touched."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from freshet.schemas.errors import DeniedError
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.needs import Need, Resource, lacking, names
from freshet.streams.kafka.rights import ask_rights

GRANT: Final = "grant it with an ACL; docs/security.md lists those of each process"


async def demand_rights(connection: KafkaConnection, needed: Sequence[Need], groups: Iterable[str]) -> None:
    """Raise DeniedError that names the user and each right which it lacks; `groups` are those that will be used.

    What the brokers do not tell, such as rights on missing topics, is not demanded. Raises TransientError while Kafka
    does not answer, DeniedError also where it refuses us.
    """
    rights = await ask_rights(connection, names(needed, Resource.TOPIC), groups)
    if rights is not None and (missing := lacking(needed, rights)):
        raise DeniedError("ask Kafka for rights", f"{connection.security.user} lacks {', '.join(missing)}", hint=GRANT)
