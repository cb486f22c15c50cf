"""What the Kafka user may do, as far as that can be found out without writing anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from freshet.doctor.findings import Finding, Mark
from freshet.schemas.topics import Topics
from freshet.settings import Settings
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.needs import Process, Resource, lacking, names, needs
from freshet.streams.kafka.rights import ask_rights

UNTESTED: Final = "as the brokers tell of what is there; nothing was written to try it"
GRANT: Final = "grant them with ACLs (docs/security.md), unless another user runs that process"


async def check_rights(settings: Settings, connection: KafkaConnection, groups: Sequence[str]) -> Sequence[Finding]:
    """Whether the user of the settings may do what a worker and a search service do.

    `groups` are the index version's and that of the worker's agents, or none while they are not known.
    """
    topics = Topics(settings.topics.documents)
    needed = {process: needs(process, topics, settings.index) for process in (Process.WORKER, Process.SEARCH)}
    rights = await ask_rights(connection, names(needed[Process.WORKER], Resource.TOPIC), groups)
    if rights is None:
        return [Finding("rights", Mark.NOT_CHECKED, "these brokers do not tell them")]
    lacks = {process: lacking(needed[process], rights) for process in needed}
    missing = {process: what for process, what in lacks.items() if what}
    if not missing:
        return [Finding("rights", Mark.OK, f"all that worker and search need ({UNTESTED})")]
    text = "; ".join(f"{process} lacks {', '.join(what)}" for process, what in missing.items())
    # One of the two may well have a user of its own.
    mark = Mark.FAIL if len(missing) == len(lacks) else Mark.WARN
    return [Finding("rights", mark, text, GRANT)]
