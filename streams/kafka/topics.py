"""Creating our topics, and checking those that exist already."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from freshet.schemas.errors import MisfitError, TransientError
from freshet.schemas.topics import TopicSpec, TopicState, findings, fitted
from freshet.streams.kafka.admin import admin_client
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.errors import kafka_errors, outside_error
from freshet.streams.retry import Retry

SPREAD_SECONDS: Final = 30.0  # until every broker knows a new topic
_POLL_SECONDS: Final = 0.05


async def describe_topics(connection: KafkaConnection, names: Iterable[str]) -> dict[str, TopicState]:
    """Those of the named topics that exist, by name."""
    async with admin_client(connection) as admin:
        return await _states(admin, names)


async def create_topics(connection: KafkaConnection, specs: tuple[TopicSpec, ...]) -> list[str]:
    """Create the topics that are missing and return their names; others are left as they are.

    Safe to run from several processes at once. New topics get as many partitions as the documents topic that exists.
    """
    async with admin_client(connection) as admin:
        existing = await _states(admin, [spec.name for spec in specs])
        missing = [spec for spec in fitted(specs, existing) if spec.name not in existing]
        if missing:
            await _create(admin, missing)
            await _until_led(admin, missing)
    return [spec.name for spec in missing]


async def ensure_topics(connection: KafkaConnection, specs: tuple[TopicSpec, ...], *, create: bool = True) -> None:
    """Check everything, and create what is missing (where `create`) unless something else is wrong.

    Raises MisfitError that names each topic, its setting, what it is and should be, and what to do.
    """
    names = [spec.name for spec in specs]
    check_topics(specs, await describe_topics(connection, names), create=create)
    if create and await create_topics(connection, specs):
        check_topics(specs, await describe_topics(connection, names), create=False)


def check_topics(specs: tuple[TopicSpec, ...], found: Mapping[str, TopicState], *, create: bool) -> None:
    """Raise MisfitError as `ensure_topics` does; what is missing is not wrong where it will be created."""
    wrong = [each for each in findings(specs, found) if each.topic in found or not create]
    if wrong:
        raise MisfitError("\n".join(str(finding) for finding in wrong))


async def prepare_topics(
    connection: KafkaConnection,
    specs: tuple[TopicSpec, ...],
    *,
    retry: Retry,
    create: bool = True,
    wanted: Callable[[], bool] = lambda: True,
) -> None:
    """`ensure_topics` as soon as Kafka answers, however long that takes."""
    await retry("reach Kafka and its topics", lambda: ensure_topics(connection, specs, create=create), wanted)


async def _states(admin: AIOKafkaAdminClient, names: Iterable[str]) -> dict[str, TopicState]:
    partitions = {topic["topic"]: len(topic["partitions"]) for topic in await _topics(admin)}
    wanted = [name for name in names if name in partitions]
    configs = await _configs(admin, wanted) if wanted else {}
    return {name: TopicState(name, partitions[name], configs[name]) for name in wanted}


async def _topics(admin: AIOKafkaAdminClient) -> list[dict[str, Any]]:
    """Every topic of the cluster, for naming one that is missing creates it where brokers do that by themselves."""
    with kafka_errors("describe topics"):
        topics = await admin.describe_topics()
    return [topic for topic in topics if not topic["error_code"]]


async def _configs(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, Mapping[str, str]]:
    operation = "read the settings of topics"
    with kafka_errors(operation):
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        responses: list[Any] = await admin.describe_configs(resources)
    found: dict[str, Mapping[str, str]] = {}
    for code, message, _, name, entries in (each for response in responses for each in response.resources):
        if code:
            raise outside_error(f"{operation} ({name})", for_code(code)(message or name))
        found[name] = {entry[0]: entry[1] for entry in entries}
    return found


async def _create(admin: AIOKafkaAdminClient, specs: list[TopicSpec]) -> None:
    new = [NewTopic(spec.name, spec.partitions, spec.replication_factor, None, spec.configs) for spec in specs]
    with kafka_errors("create topics"):
        response: Any = await admin.create_topics(new)
    for topic, code, message in response.topic_errors:
        if code not in (0, TopicAlreadyExistsError.errno):
            raise outside_error(f"create the topic {topic}", for_code(code)(message or ""))


async def _until_led(admin: AIOKafkaAdminClient, specs: list[TopicSpec]) -> None:
    """Wait until every partition of new topics has a leader, so that the next client finds them."""
    deadline = time.monotonic() + SPREAD_SECONDS
    waiting = {spec.name for spec in specs}
    while waiting:
        topics = await _topics(admin)
        waiting -= {topic["topic"] for topic in topics if all(part["leader"] >= 0 for part in topic["partitions"])}
        if waiting and time.monotonic() > deadline:
            raise TransientError("create topics", f"no leader after {SPREAD_SECONDS:g} s: {', '.join(sorted(waiting))}")
        await asyncio.sleep(_POLL_SECONDS if waiting else 0)
