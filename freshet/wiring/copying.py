"""A copy of the documents topic with its parts: the log folded into a temporary file, a reader and a producer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from freshet.schemas.errors import DeniedError, FreshetError, MisfitError, PermanentError
from freshet.schemas.topics import Topics
from freshet.settings import Settings
from freshet.streams.copying import copy_fold, copy_since
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.producer import KafkaProducer
from freshet.streams.kafka.reader import KafkaReader
from freshet.wiring.parts import kafka_connection
from freshet.wiring.verify import Bar, Reached, folded

LOOK_SECONDS: Final = 0.5


class Copied(NamedTuple):
    """Documents of the fold, and records that came while it was copied."""

    documents: int
    since: int


async def copy_topic(
    settings: Settings,
    target: str,
    *,
    resume: bool,
    bar: Bar,
    following: Callable[[int], None] | None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Copied:
    """Copy the documents topic into `target`, until nothing is left; with `following` until cancelled.

    `following` is told how many records came since it was told last. Raises MisfitError where `target` is not there or
    the topic itself, or where documents have events in two partitions; FreshetError where `target` holds records and
    this is not to `resume` a copy; and what Kafka raises.
    """
    topics, connection = Topics(settings.topics.documents), kafka_connection(settings, "copy")
    await _check(connection, topics, target, resume=resume)
    async with KafkaReader(connection, topics.documents) as source, KafkaProducer(connection) as sink:
        ends = await _ends(connection, topics.documents)
        reached = Reached(ends, await _ends(connection, topics.again))
        async with folded(settings, connection, reached, bar) as log:
            if log.divided is not None:
                raise MisfitError(
                    f"{log.divided!r} has events in two partitions of {topics.documents}, so nothing tells which is "
                    f"the newest: have everything published again, to {target}"
                )
            with bar("copying", len(log)) as advance:
                documents = await copy_fold(log, sink=sink, topic=target, advance=advance)
        since = 0
        while (came := await copy_since(source, ends, sink=sink, topic=target)) or following is not None:
            since += came
            if following is not None:
                following(came)
                await sleep(LOOK_SECONDS)
        return Copied(documents, since)


async def _check(connection: KafkaConnection, topics: Topics, target: str, *, resume: bool) -> None:
    if target in {topics.documents, topics.again, topics.dead_letters, topics.indexed}:
        raise MisfitError(f"{target} is a topic of what is to be copied; name another one")
    try:
        ends = await _ends(connection, target)
    except DeniedError:
        raise
    except PermanentError as error:
        create = f"FRESHET_TOPICS__DOCUMENTS={target} FRESHET_TOPICS__PARTITIONS=… freshet topics create"
        raise MisfitError(f"there is no topic {target}; create it with: {create}") from error
    if any(ends.values()) and not resume:
        raise FreshetError(
            f"{target} holds records already; where they are of a copy that was broken off, and nobody else writes to "
            "it yet, go on with --resume"
        )


async def _ends(connection: KafkaConnection, topic: str) -> dict[int, int]:
    async with KafkaReader(connection, topic) as reader:
        return {number: span.stop for number, span in (await reader.spans()).items()}
