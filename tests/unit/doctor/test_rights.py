"""Which rights are missed of whom."""

import pytest

from freshet.doctor import rights
from freshet.doctor.findings import Mark
from freshet.settings import Settings
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.rights import Operation, Rights

GROUP, AGENTS = "freshet.documents.0123", "freshet-agents.documents.0123"
ALL = frozenset(Operation)


@pytest.mark.parametrize(
    ("missing", "mark", "found"),
    [
        ({}, Mark.OK, "all that worker and search need"),
        ({AGENTS: ALL}, Mark.WARN, f"worker lacks Read on {AGENTS}"),
        ({GROUP: ALL}, Mark.FAIL, f"worker lacks Read on {GROUP}; search lacks Describe on {GROUP}"),
    ],
)
async def test_search_is_not_held_to_the_rights_of_the_workers_agents(monkeypatch, missing, mark, found):
    async def told(*_: object) -> Rights:
        return Rights({}, {name: ALL - missing.get(name, frozenset()) for name in (GROUP, AGENTS)})

    monkeypatch.setattr(rights, "ask_rights", told)
    (finding,) = await rights.check_rights(Settings(_env_file=None), KafkaConnection(), [GROUP, AGENTS])
    assert finding.mark == mark
    assert finding.found.startswith(found)
