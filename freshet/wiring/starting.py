"""What a worker looks at before it makes anything, and what it makes then.

One that does not fit what is there ends with a MisfitError and leaves every topic, collection and alias as it is.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from freshet.schemas.errors import TransientError
from freshet.schemas.topics import Source, Topics, TopicSpec
from freshet.search.index.base import IndexVersions, VersionInfo
from freshet.search.index.facts import AGAIN_BUILT_TO, BEGAN_AT, BUILT_TO, INCARNATION, TOPIC_ID
from freshet.search.index.identity import (
    Identity,
    check_begin,
    check_beside,
    check_end,
    check_fingerprint,
    check_kept,
    check_live,
    check_source,
)
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.demanding import demand_rights
from freshet.streams.kafka.needs import Process, needs
from freshet.streams.kafka.offsets import KafkaOffsets
from freshet.streams.kafka.source import find_source
from freshet.streams.kafka.topics import check_topics, describe_topics
from freshet.streams.lag import Position
from freshet.streams.retry import Retry, always

Find = Callable[[], Awaitable[Source | None]]


async def check_rights(connection: KafkaConnection, wanted: Identity, topics: Topics) -> None:
    """Raise DeniedError where the user of the connection may not do what a worker does."""
    await demand_rights(connection, needs(Process.WORKER, topics, wanted.index), [wanted.group, wanted.agents_group])


async def check_start(
    connection: KafkaConnection,
    versions: IndexVersions,
    wanted: Identity,
    specs: tuple[TopicSpec, ...],
    *,
    create: bool,
    beside: bool = False,
    retry: Retry,
) -> None:
    """Raise MisfitError where this worker must not work on what is there. Changes nothing; waits as `retry` does.

    A missing topic is wrong unless `create`; the documents topic also once a version follows it. One that builds a
    version `beside` the live one needs that, and another one that may be yet to be made.
    """
    topics = Topics(specs[0].name)
    describe = partial(describe_topics, connection, [spec.name for spec in specs])
    found = await retry("reach Kafka and its topics", describe, always)
    read = partial(_positions, connection, [name for name in (topics.documents, topics.again) if name in found])
    # Before the index: whoever makes a version commits only after that, so commits seen here are of one to be found.
    positions = await retry("read committed offsets", partial(read, wanted.group), always)
    own = await retry("look at the index", partial(_own, versions, wanted, beside=beside), always)
    if own is None:
        command = "freshet replay run" if beside else "freshet worker"
        for topic, each in ((topic, each) for topic, known in positions.items() for each in known):
            check_begin(wanted, topic, each.partition, begin=each.begin, committed=each.committed, command=command)
    else:
        source = await retry("look at the topic", partial(find_source, connection, topics.documents), always)
        check_fit(wanted, own, topics.documents, source)
        for each in positions.get(topics.documents, ()):
            check_end(wanted, own, each.partition, committed=each.committed, end=each.end)
    check_topics(specs, found, create=create)


def check_fit(wanted: Identity, own: VersionInfo, topic: str, source: Source | None) -> None:
    """Raise MisfitError where the version is being dropped, for another model than the settings, or another topic."""
    check_kept(own)
    check_fingerprint(wanted, own)
    check_source(wanted, own, topic, source)


async def prepare_index(
    versions: IndexVersions, wanted: Identity, source: Source, *, beside: Mapping[str, Any] | None = None
) -> VersionInfo:
    """Make the version that the settings describe, or bring it up to date; the version as it is then.

    It becomes live where it is the first. What is made `beside` the live one has these facts recorded with it from the
    beginning, and stays beside it. Raises MisfitError.
    """
    live = await versions.live()
    info = await _own(versions, wanted, beside=beside is not None)
    if info is None:
        info = wanted.info(topic=source.topic, partitions=source.partitions, topic_id=source.id)
        info = replace(info, metadata={**info.metadata, INCARNATION: uuid.uuid4().hex, **(beside or {})})
    check_fit(wanted, info, source.topic, source)
    await versions.create(info)  # also adds the payload indexes that a version made earlier lacks
    if source.id is not None and TOPIC_ID not in info.metadata:
        await versions.record(info.name, {TOPIC_ID: source.id})
    if live is None:
        await versions.make_live(info.name)
    return await versions.describe(info.name) or info  # somebody else may have been first to make it


async def build_facts(connection: KafkaConnection, topics: Topics, live_group: str, now: datetime) -> dict[str, Any]:
    """What is recorded with a version that is made now beside the live one, of that group. Raises TransientError."""
    found = await _positions(connection, [topics.documents, topics.again], live_group)
    return {
        BUILT_TO: {str(each.partition): each.end for each in found[topics.documents]},
        # Not its end: a vector that the live version has yet to mend must not be taken over as it is.
        AGAIN_BUILT_TO: {str(each.partition): each.next for each in found[topics.again]},
        BEGAN_AT: now.isoformat(timespec="seconds"),
    }


async def _own(versions: IndexVersions, wanted: Identity, *, beside: bool = False) -> VersionInfo | None:
    """The version that the settings describe, None where it is yet to be made.

    Raises MisfitError where another one is live then, unless it may be made `beside` that.
    """
    own, name = await versions.describe(wanted.version), await versions.live()
    if beside:
        check_beside(wanted, name)
    elif own is None and name is not None and (live := await versions.describe(name)) is not None:
        check_live(wanted, live)
    return own


async def _positions(connection: KafkaConnection, topics: Sequence[str], group: str) -> dict[str, list[Position]]:
    async with KafkaOffsets(connection) as offsets:
        return {topic: await offsets.positions(topic, group) for topic in topics}


async def there(find: Find) -> Source:
    """The topic, which must be there. Raises TransientError where it is not there yet."""
    source = await find()
    if source is None:
        raise TransientError("look at the topic", "it is not there yet")
    return source
