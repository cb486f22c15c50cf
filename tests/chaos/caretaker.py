"""Half-way through a run somebody mends the model, and has every dead letter tried again.

Then, too, a careless upstream publishes events into partitions to which their documents do not belong. Nobody can say
what that does while the index does not know the documents; so here, and only here, one waits until it does.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner

from tests.chaos.events import STRAYS, stray
from tests.chaos.stage import DEADLINE, PARTITIONS, Stage
from tests.support.chaos_worker import mended
from tests.support.waiting import wait_until

logger = logging.getLogger(__name__)


async def take_care(stage: Stage) -> None:
    """Return when all is done, whatever is away meanwhile."""
    await _publish(stage, astray=False)
    mended(stage.journal).touch()
    group, topic = stage.group(), stage.road.topic
    ends = await _until(partial(group.ends, topic), "Kafka knows the ends of the log")
    await _until(partial(group.passed, ends), "what was refused until now is a dead letter")
    await _publish(stage, astray=True)
    await _until(partial(_retry, stage), "dead letters are retried")


async def _publish(stage: Stage, *, astray: bool) -> None:
    """Events of some documents in their own partitions, or in the next ones."""

    async def sent() -> bool:
        try:
            async with AIOKafkaProducer(bootstrap_servers=stage.kafka.bootstrap) as producer:
                for number in range(STRAYS):
                    draft = stray(number, astray=astray, tenants=stage.tenants)
                    partition = (_home(draft.key) + astray) % PARTITIONS
                    await producer.send_and_wait(topic, key=draft.key, value=draft.value, partition=partition)
        except KafkaError:
            return False
        return True

    topic = stage.road.topic
    await _until(sent, "Kafka has the events of strays")


def _home(key: bytes) -> int:
    every = list(range(PARTITIONS))
    return int(DefaultPartitioner()(key, every, every))


async def _retry(stage: Stage) -> bool:
    code, told = await stage.road.command("dead-letters", "retry", "--all")
    logger.info(told.strip())
    return code == 0


async def _until(condition: Callable[[], Awaitable[Any]], what: str) -> Any:
    return await wait_until(condition, what, deadline=DEADLINE)
