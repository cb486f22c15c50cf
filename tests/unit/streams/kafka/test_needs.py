"""The rights that the documentation lists are those that the processes demand."""

import re
from pathlib import Path

import pytest

from freshet.schemas.errors import DeniedError
from freshet.schemas.topics import Topics
from freshet.streams.kafka import demanding
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.needs import Need, Process, Resource, acl_commands, needs
from freshet.streams.kafka.rights import Operation, Rights
from freshet.streams.kafka.security import KafkaSecurity

PAGE = (Path(__file__).parents[4] / "docs" / "security.md").read_text()
USERS = {
    "freshet-worker": [Process.WORKER],
    "freshet-search": [Process.SEARCH],
    "shop": [Process.PUBLISHER],
    "operator": [
        Process.TOPICS_CREATE,
        Process.LAG,
        Process.LETTERS_RETRY,
        Process.VERIFY_HEAL,
        Process.REPROCESS,
        Process.EXPLAIN,
        Process.EXPLAIN_ERASURE,
        Process.REPLAY_PLAN,
        Process.VERSIONS_DROP,
        Process.PROMOTE,
    ],
}
ALL = frozenset(Operation)


def demanded(process: Process) -> list[Need]:
    return needs(process, Topics(), "documents")


def test_the_commands_of_the_page_give_what_the_processes_need_and_nothing_more():
    wanted = [each for user, roles in USERS.items() for role in roles for each in acl_commands(demanded(role), user)]
    assert re.findall(r"^kafka-acls\.sh .*", PAGE, re.MULTILINE) == wanted


@pytest.mark.parametrize("process", list(Process))
def test_the_table_of_the_page_has_what_each_process_needs(process):
    (row,) = re.findall(rf"^\| {re.escape(process.meaning)} \| (.*) \|$", PAGE, re.MULTILINE)
    told: set[tuple[str, str]] = set()
    for part in row.split("; "):
        operations, _, on = part.partition(" on ")
        told |= {(name, each) for name in re.findall(r"`(.+?)\*?`", on) for each in operations.split(", ")}
    assert told == {(need.name, each.title) for need in demanded(process) for each in need.operations}


async def test_each_right_that_is_taken_away_is_demanded_by_its_name(monkeypatch):
    """Also those of groups, whose names have the version at their end."""
    groups = ["freshet.documents.0123", "freshet-agents.documents.0123"]
    security = KafkaSecurity("SASL_PLAINTEXT", mechanism="PLAIN", username="me", password="x")
    for process in (Process.WORKER, Process.SEARCH):
        needed = demanded(process)
        topics = {need.name: ALL for need in needed if need.resource is Resource.TOPIC}
        for need in needed:
            for operation in need.operations:
                name = next((each for each in groups if need.prefixed and need.matches(each)), need.name)
                held = {**topics, **dict.fromkeys(groups, ALL)}
                held[name] = ALL - {operation}
                told = Rights({each: held[each] for each in topics}, {each: held[each] for each in groups})
                await demand(monkeypatch, told, needed, security, f"the user 'me' lacks {operation.title} on {name} ")


async def demand(monkeypatch, told: Rights | None, needed, security, text: str) -> None:
    async def ask(*_: object) -> Rights | None:
        return told

    monkeypatch.setattr(demanding, "ask_rights", ask)
    with pytest.raises(DeniedError) as raised:
        await demanding.demand_rights(KafkaConnection(security=security), needed, [])
    assert text in str(raised.value)


async def test_what_brokers_do_not_tell_is_not_held_against_anybody(monkeypatch):
    for told in (None, Rights({}, {})):

        async def ask(*_: object, told: Rights | None = told) -> Rights | None:
            return told

        monkeypatch.setattr(demanding, "ask_rights", ask)
        await demanding.demand_rights(KafkaConnection(), demanded(Process.WORKER), ["freshet.documents.0123"])
