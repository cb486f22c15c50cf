"""The topics: their names, the settings they are created with, and what is wrong with topics that exist already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
# How long every event of a key stays readable before compaction may drop the older ones: an event that is refused as
# stale hides the good one before it, so a worker must not be away for longer than this.
MIN_COMPACTION_LAG_MS: Final = DAY_MS
# How long a null value stays after compaction; a rebuild that takes longer could miss the end of a document.
DELETE_RETENTION_MS: Final = 7 * DAY_MS
RECORD_OVERHEAD_BYTES: Final = 64 * 1024  # key, headers and framing of a record beside its value
CHANGE_BYTES: Final = 768 * 1024  # at most of a change record, so that it fits into a topic as brokers make it

CLEANUP: Final = "cleanup.policy"
RETENTION: Final = "retention.ms"
DELETE_RETENTION: Final = "delete.retention.ms"
MAX_MESSAGE: Final = "max.message.bytes"
UNLIMITED: Final = -1  # what Kafka calls a retention without end


class Cleanup(StrEnum):
    COMPACT = "compact"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Topics:
    """Names. The documents topic's is a setting, its sisters derive from it."""

    documents: str = "documents"
    queries: str = "search.queries"
    feedback: str = "search.feedback"

    @property
    def again(self) -> str:
        return f"{self.documents}.again"

    @property
    def dead_letters(self) -> str:
        return f"{self.documents}.dead-letters"

    @property
    def indexed(self) -> str:
        return f"{self.documents}.indexed"


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """How a topic is created, and what one that exists must have.

    `minimums` are created as they stand, and an existing topic may have more. `follows` names the topic whose number of
    partitions this one must share, because a document lies in the same partition of both. `holds` says for people what
    its records are. One whose records are `copies` of events needs room for whatever `documents` may hold.
    """

    name: str
    cleanup: Cleanup
    partitions: int
    replication_factor: int = 1
    minimums: Mapping[str, int] = field(default_factory=dict)
    follows: str | None = None
    holds: str = ""
    copies: bool = False

    @property
    def configs(self) -> dict[str, str]:
        """Kafka's settings of a new topic."""
        return {CLEANUP: self.cleanup, **{name: str(value) for name, value in self.minimums.items()}}


@dataclass(frozen=True, slots=True)
class Source:
    """The topic that an index version follows.

    `id` tells it from a later one of the same name; None where the brokers are too old to tell (before Kafka 2.8).
    """

    topic: str
    partitions: int
    id: str | None = None


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as Kafka describes it."""

    name: str
    partitions: int
    configs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a topic, and what to do about it."""

    topic: str
    setting: str
    actual: str
    expected: str
    hint: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.setting} is {self.actual}, should be {self.expected}; {self.hint}"


def topic_specs(
    topics: Topics, *, partitions: int, replication_factor: int = 1, max_event_bytes: int = 1_000_000
) -> tuple[TopicSpec, ...]:
    """What each topic must be like, the documents topic first."""
    changes = {RETENTION: 7 * DAY_MS, MAX_MESSAGE: CHANGE_BYTES + RECORD_OVERHEAD_BYTES}
    events = {MAX_MESSAGE: max_event_bytes + RECORD_OVERHEAD_BYTES}
    copies = {MAX_MESSAGE: max_event_bytes + 2 * RECORD_OVERHEAD_BYTES}  # the same bytes with headers of ours
    kept = {DELETE_RETENTION: DELETE_RETENTION_MS}
    lag = {"min.compaction.lag.ms": MIN_COMPACTION_LAG_MS}

    def spec(
        name: str, cleanup: Cleanup, minimums: Mapping[str, int], holds: str, *, follows: str | None = None
    ) -> TopicSpec:
        is_copy = name in (topics.again, topics.dead_letters)
        return TopicSpec(name, cleanup, partitions, replication_factor, minimums, follows, holds, is_copy)

    compact, delete, first = Cleanup.COMPACT, Cleanup.DELETE, topics.documents
    return (
        spec(topics.documents, compact, lag | kept | events, "events, or null, under their document keys"),
        spec(topics.again, compact, kept | copies, "events to be processed again", follows=first),
        spec(topics.dead_letters, delete, {RETENTION: 30 * DAY_MS} | copies, "what can never be indexed, as it came"),
        spec(topics.indexed, delete, changes, "the change feed, under document keys", follows=first),
        spec(topics.queries, delete, {RETENTION: 7 * DAY_MS}, "what was asked and answered, under query ids"),
        spec(topics.feedback, delete, {RETENTION: 90 * DAY_MS}, "what people thought of results, under query ids"),
    )


def fitted(specs: tuple[TopicSpec, ...], existing: Mapping[str, TopicState]) -> tuple[TopicSpec, ...]:
    """The specs beside an existing documents topic: its partitions, and room for whatever it may hold."""
    documents = existing.get(specs[0].name)
    if documents is None:
        return specs
    room = int(documents.configs.get(MAX_MESSAGE, 0)) + RECORD_OVERHEAD_BYTES
    first = replace(specs[0], partitions=documents.partitions)
    return (first, *(_beside(spec, documents.partitions, room) for spec in specs[1:]))


def _beside(spec: TopicSpec, partitions: int, room: int) -> TopicSpec:
    minimums = dict(spec.minimums)
    if spec.copies:
        minimums[MAX_MESSAGE] = max(minimums[MAX_MESSAGE], room)
    return replace(spec, partitions=partitions, minimums=minimums)


def findings(specs: tuple[TopicSpec, ...], existing: Mapping[str, TopicState]) -> list[Finding]:
    """What is wrong with the topics; empty when everything is as it should be."""
    found: list[Finding] = []
    for spec in fitted(specs, existing):
        state = existing.get(spec.name)
        if state is None:
            found.append(Finding(spec.name, "the topic", "missing", "there", "create it with: freshet topics create"))
        else:
            found += _differences(spec, state)
    return found


def _differences(spec: TopicSpec, state: TopicState) -> list[Finding]:
    found = []
    if spec.follows and state.partitions != spec.partitions:
        found.append(_uneven(spec, state))
    policy = state.configs.get(CLEANUP, "")
    if {part.strip() for part in policy.split(",")} != {spec.cleanup}:
        found.append(_wrong(spec.name, CLEANUP, policy, spec.cleanup, spec.cleanup))
    for name, least in spec.minimums.items():
        value = state.configs.get(name, "")
        if not _enough(value, least):
            found.append(_wrong(spec.name, name, value, f"at least {least}", str(least)))
    return found


def _enough(value: str, least: int) -> bool:
    try:
        number = int(value)
    except ValueError:
        return False
    return number >= least or number == UNLIMITED


def _uneven(spec: TopicSpec, state: TopicState) -> Finding:
    more = state.partitions < spec.partitions
    alter = f"add some with: kafka-topics.sh --alter --topic {spec.name} --partitions {spec.partitions}"
    again = "delete the topic and run: freshet topics create"
    expected = f"{spec.partitions} as in {spec.follows}"
    return Finding(spec.name, "the number of partitions", str(state.partitions), expected, alter if more else again)


def _wrong(topic: str, setting: str, actual: str, expected: str, value: str) -> Finding:
    command = "kafka-configs.sh --alter --entity-type topics --entity-name"
    hint = f"change it with: {command} {topic} --add-config {setting}={value}"
    return Finding(topic, setting, actual or "unknown", expected, hint)
