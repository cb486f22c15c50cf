"""Kafka: whether it answers, its topics, and the groups that read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from freshet.doctor.findings import Finding, Mark
from freshet.schemas.topics import Finding as TopicFinding
from freshet.schemas.topics import Topics, findings
from freshet.search.index.identity import is_group_of
from freshet.settings import Settings
from freshet.streams.kafka.cluster import describe_cluster
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.groups import Group, KafkaGroups
from freshet.streams.kafka.offsets import KafkaOffsets
from freshet.streams.kafka.topics import describe_topics
from freshet.streams.lag import lag_of_group

STATES: Final = {
    "Stable": "consuming",
    "Empty": "nobody consumes",
    "Dead": "nobody consumes",
    "PreparingRebalance": "rebalancing",
    "CompletingRebalance": "rebalancing",
}
CREATE_THEM: Final = "create them with: freshet topics create"
START_ONE: Final = "start one with: freshet worker"


async def check_kafka(connection: KafkaConnection) -> Sequence[Finding]:
    """Whether a broker answers, and can be reached where it sends its clients to."""
    cluster = await describe_cluster(connection)
    if cluster.unreachable:
        text = f"the brokers name addresses where nobody answers: {', '.join(cluster.unreachable)}"
        mark = Mark.FAIL if cluster.unreachable == cluster.brokers else Mark.WARN
        return [Finding("Kafka", mark, text, "set advertised.listeners of the brokers to what is reached from here")]
    text = f"answered in {cluster.seconds * 1000:.0f} ms; brokers: {', '.join(cluster.brokers)}"
    return [Finding("Kafka", Mark.OK, text)]


async def check_topics(settings: Settings, connection: KafkaConnection) -> Sequence[Finding]:
    """Whether each topic is there, with the right partitions and settings."""
    specs = settings.topic_specs
    states = await describe_topics(connection, [spec.name for spec in specs])
    wrong = findings(specs, states)
    if not wrong:
        partitions = states[specs[0].name].partitions
        text = f"{len(specs)} topics as they should be; {specs[0].name} has {partitions} partitions"
        return [Finding("topics", Mark.OK, text)]
    missing = [each.topic for each in wrong if each.topic not in states]
    return [
        *([Finding("topics", Mark.FAIL, f"missing: {', '.join(missing)}", CREATE_THEM)] if missing else []),
        *(_wrong(each) for each in wrong if each.topic in states),
    ]


def _wrong(each: TopicFinding) -> Finding:
    text = f"{each.topic}: {each.setting} is {each.actual}, should be {each.expected}"
    return Finding("topics", Mark.FAIL, text, each.hint)


async def check_groups(settings: Settings, connection: KafkaConnection) -> Sequence[Finding]:
    """Whether workers consume, and how far they are behind."""
    async with KafkaOffsets(connection) as offsets:
        names = [name for name in await offsets.groups() if is_group_of(settings.index, name)]
        if not names:
            return [Finding("workers", Mark.WARN, "none has consumed for this index yet", START_ONE)]
        async with KafkaGroups(connection) as groups:
            found = [await groups.describe(name) for name in names]
        return [await _group(offsets, Topics(settings.topics.documents), group) for group in found]


async def _group(offsets: KafkaOffsets, topics: Topics, group: Group) -> Finding:
    lags = await lag_of_group(offsets, group=group.name, otherwise=topics)
    events, seconds = sum(each.events for each in lags), max((each.seconds for each in lags), default=0.0)
    behind = f"{events:,} events behind, the oldest for {seconds:.1f} s" if events else "caught up"
    text = f"{group.name}: {STATES.get(group.state, group.state)}, members: {len(group.members)}, {behind}"
    return Finding("workers", Mark.OK, text) if group.members else Finding("workers", Mark.WARN, text, START_ONE)
