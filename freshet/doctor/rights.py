"""What the Kafka user may do, as far as that can be found out without writing anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from freshet.doctor.findings import Finding, Mark
from freshet.schemas.topics import Topics
from freshet.settings import Settings
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.rights import Operation, Rights, ask_rights

UNTESTED: Final = "as the brokers tell of what is there; nothing was written to try it"
Needs = Mapping[str, frozenset[Operation]]


async def check_rights(settings: Settings, connection: KafkaConnection, groups: Sequence[str]) -> Sequence[Finding]:
    """Whether the user of the settings may do what a worker and a search service do.

    `groups` are the index version's and that of the worker's agents, or none while they are not known.
    """
    topics = Topics(settings.topics.documents)
    worker, search = _worker(topics, groups), _search(topics, groups[:1])
    rights = await ask_rights(connection, [topics.documents, topics.again, topics.dead_letters, topics.indexed], groups)
    if rights is None:
        return [Finding("rights", Mark.NOT_CHECKED, "these brokers do not tell them")]
    lacks = {name: list(_lacking(needs, rights)) for name, needs in (("worker", worker), ("search", search))}
    missing = {name: what for name, what in lacks.items() if what}
    if not missing:
        return [Finding("rights", Mark.OK, f"all that worker and search need ({UNTESTED})")]
    text = "; ".join(f"{name} lacks {', '.join(what)}" for name, what in missing.items())
    # One of the two may well have a user of its own.
    mark = Mark.FAIL if len(missing) == len(lacks) else Mark.WARN
    return [Finding("rights", mark, text, "grant them with ACLs, unless another user runs that process")]


def _worker(topics: Topics, groups: Sequence[str]) -> Needs:
    seen, read, write = Operation.DESCRIBE_CONFIGS, Operation.READ, Operation.WRITE
    return {
        topics.documents: frozenset({read, seen}),
        topics.again: frozenset({seen}),
        topics.dead_letters: frozenset({read, write, seen}),
        topics.indexed: frozenset({write, seen}),
        **{group: frozenset({read}) for group in groups},
    }


def _search(topics: Topics, groups: Sequence[str]) -> Needs:
    return {
        topics.documents: frozenset({Operation.READ, Operation.WRITE}),
        **{group: frozenset({Operation.DESCRIBE}) for group in groups},
    }


def _lacking(needs: Needs, rights: Rights) -> Iterator[str]:
    """`Write on documents`; what the brokers do not tell is not held against them."""
    told = {**rights.topics, **rights.groups}
    for name, needed in needs.items():
        for operation in sorted(needed - told.get(name, needed)):
            yield f"{operation.name.title().replace('_', '')} on {name}"
