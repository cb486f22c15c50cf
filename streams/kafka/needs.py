"""Which rights each process needs of Kafka: the one table, for the checks at the start, the doctor and the docs.

Reading or writing a topic, and reading a group, include describing it. Only brokers before 3.0 want IdempotentWrite on
the cluster, of whoever writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from freshet.schemas.topics import Topics
from freshet.schemas.words import Word
from freshet.streams.kafka.rights import Operation, Rights

READ, WRITE, CREATE, DELETE = Operation.READ, Operation.WRITE, Operation.CREATE, Operation.DELETE
DESCRIBE, DESCRIBE_CONFIGS = Operation.DESCRIBE, Operation.DESCRIBE_CONFIGS


class Process(Word):
    """Who has a user of its own, or could have."""

    WORKER = "worker", "`freshet worker`, `freshet replay run`"
    SEARCH = "search", "`freshet search`"
    PUBLISHER = "publisher", "whoever publishes: `Publisher`, `freshet publish`, `freshet delete`"
    PUBLISHER_WAIT = (
        "publisher that waits",
        "whoever also waits: `Publisher.wait_searchable`, `freshet publish --wait`, `freshet delete --wait`",
    )
    LAG = "lag", "`freshet lag`"
    TOPICS_CHECK = "topics check", "`freshet topics check` and `list`"
    TOPICS_CREATE = "topics create", "`freshet topics create`, and a worker that creates missing topics"
    TOPICS_COPY = "topics copy", "`freshet topics copy documents-2`"
    LETTERS_LIST = "dead-letters list", "`freshet dead-letters list` and `show`"
    LETTERS_RETRY = "dead-letters retry", "`freshet dead-letters retry`"
    LETTERS_DROP = "dead-letters drop", "`freshet dead-letters drop`"
    VERIFY = "verify", "`freshet verify`"
    VERIFY_HEAL = "verify --heal", "`freshet verify --heal`"
    REPROCESS = "reprocess", "`freshet reprocess`"
    EXPLAIN = "explain", "`freshet explain`"
    EXPLAIN_ERASURE = "explain --erasure", "`freshet explain --erasure`"
    REPLAY_PLAN = "replay plan", "`freshet replay plan`"
    VERSIONS = "versions", "`freshet versions`, `freshet rollback`"
    VERSIONS_DROP = "versions drop", "`freshet versions drop`"
    PROMOTE = "promote", "`freshet promote`"
    WARM = "warm --from-queries", "`freshet warm --from-queries`"


class Resource(StrEnum):
    """What a right is for, as `kafka-acls.sh` names it."""

    TOPIC = "topic"
    GROUP = "group"


@dataclass(frozen=True, slots=True)
class Need:
    """Operations on a topic, or on the groups whose names begin so: each index version has its own."""

    resource: Resource
    name: str
    operations: frozenset[Operation]

    @property
    def prefixed(self) -> bool:
        return self.resource is Resource.GROUP

    def matches(self, name: str) -> bool:
        return name.startswith(self.name) if self.prefixed else name == self.name


def group_prefix(index: str) -> str:
    """What the names of the groups begin with that keep versions of an index true."""
    return f"freshet.{index}."


def agents_prefix(index: str) -> str:
    """The same of the groups of workers' Faust apps."""
    return f"freshet-agents.{index}."


def needs(process: Process, topics: Topics, index: str) -> list[Need]:
    """What a process needs, and nothing more."""
    every = (topics.documents, topics.again, topics.dead_letters, topics.indexed, topics.queries, topics.feedback)
    group = group_prefix(index)
    table = {
        Process.WORKER: [
            _topic(topics.documents, READ, DESCRIBE_CONFIGS),
            _topic(topics.again, READ, WRITE, DESCRIBE_CONFIGS),
            _topic(topics.dead_letters, READ, WRITE, DESCRIBE_CONFIGS),
            _topic(topics.indexed, WRITE, DESCRIBE_CONFIGS),
            *(_topic(name, DESCRIBE, DESCRIBE_CONFIGS) for name in every[4:]),
            _groups(group, READ),
            _groups(agents_prefix(index), READ),
        ],
        Process.SEARCH: [
            _topic(topics.documents, READ, WRITE),
            *(_topic(name, READ) for name in every[1:4]),
            _topic(topics.queries, READ, WRITE),
            _topic(topics.feedback, WRITE),
            _groups(group, DESCRIBE),
        ],
        Process.PUBLISHER: [_topic(topics.documents, WRITE)],
        Process.PUBLISHER_WAIT: [_topic(topics.documents, WRITE), _topic(topics.indexed, READ)],
        Process.LAG: [*(_topic(name, READ) for name in every[:2]), _groups(group, DESCRIBE)],
        Process.TOPICS_CHECK: [_topic(name, DESCRIBE, DESCRIBE_CONFIGS) for name in every],
        Process.TOPICS_CREATE: [_topic(name, CREATE, DESCRIBE, DESCRIBE_CONFIGS) for name in every],
        Process.TOPICS_COPY: [
            *(_topic(name, READ) for name in every[:3]),
            _topic(f"{topics.documents}-2", READ, WRITE),
        ],
        Process.LETTERS_LIST: [_topic(topics.dead_letters, READ)],
        Process.LETTERS_RETRY: [_topic(topics.dead_letters, READ, WRITE), _topic(topics.again, WRITE)],
        Process.LETTERS_DROP: [_topic(topics.dead_letters, READ, WRITE)],
        Process.VERIFY: [*(_topic(name, READ, DESCRIBE_CONFIGS) for name in every[:3]), _groups(group, DESCRIBE)],
        Process.VERIFY_HEAL: [
            _topic(topics.documents, READ, DESCRIBE_CONFIGS),
            _topic(topics.again, READ, WRITE, DESCRIBE_CONFIGS),
            _topic(topics.dead_letters, READ, DESCRIBE_CONFIGS),
            _groups(group, DESCRIBE),
        ],
        Process.EXPLAIN: [*(_topic(name, READ) for name in every[:4]), _groups(group, DESCRIBE)],
        Process.EXPLAIN_ERASURE: [_topic(name, READ, DESCRIBE_CONFIGS) for name in every[:4]],
        Process.REPROCESS: [
            _topic(topics.documents, READ),
            _topic(topics.again, WRITE),
            _groups(group, DESCRIBE),
        ],
        Process.REPLAY_PLAN: [_topic(name, READ) for name in every[:2]],
        Process.VERSIONS: [*(_topic(name, READ) for name in every[:2]), _groups(group, DESCRIBE)],
        Process.VERSIONS_DROP: [_groups(group, DESCRIBE, DELETE), _groups(agents_prefix(index), DESCRIBE, DELETE)],
        Process.WARM: [_topic(topics.queries, READ)],
        Process.PROMOTE: [
            *(_topic(name, READ, DESCRIBE_CONFIGS) for name in every[:3]),
            *(_topic(name, READ) for name in every[4:]),
            _groups(group, DESCRIBE),
        ],
    }
    return table[process]


def lacking(needed: Iterable[Need], rights: Rights) -> list[str]:
    """`Write on documents`, for each; what the brokers do not tell is not held against them."""
    return [text for need in needed for text in _lacking(need, rights)]


def _lacking(need: Need, rights: Rights) -> Iterator[str]:
    told = rights.groups if need.resource is Resource.GROUP else rights.topics
    for name in filter(need.matches, told):
        for operation in sorted(need.operations - told[name]):
            yield f"{operation.title} on {name}"


def names(needed: Iterable[Need], resource: Resource) -> list[str]:
    """The names of needs of that kind."""
    return [need.name for need in needed if need.resource is resource]


ADMIN: Final = "kafka-acls.sh $ADMIN --add"


def acl_commands(needed: Iterable[Need], user: str) -> list[str]:
    """The commands that give a user these rights, one for each set of operations; `ADMIN` says where and as whom."""
    alike: dict[tuple[Resource, frozenset[Operation]], list[str]] = {}
    for need in needed:
        alike.setdefault((need.resource, need.operations), []).append(need.name)
    return [_command(user, *kind, names) for kind, names in alike.items()]


def _command(user: str, resource: Resource, operations: frozenset[Operation], names: list[str]) -> str:
    allowed = " ".join(f"--operation {each.title}" for each in sorted(operations))
    on = " ".join(f"--{resource} {name}" for name in names)
    pattern = " --resource-pattern-type prefixed" if resource is Resource.GROUP else ""
    return f"{ADMIN} --allow-principal User:{user} {allowed} {on}{pattern}"


def _topic(name: str, *operations: Operation) -> Need:
    return Need(Resource.TOPIC, name, frozenset(operations))


def _groups(prefix: str, *operations: Operation) -> Need:
    return Need(Resource.GROUP, prefix, frozenset(operations))
