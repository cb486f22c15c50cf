"""Which version is meant, and who is waited for before one is dropped."""

import pytest

from freshet.schemas.errors import FreshetError
from freshet.search.index.switching import NoSuchVersionError
from freshet.streams.kafka.groups import GroupMember
from freshet.wiring.dropping import LEAVE_SECONDS, wait_until_left
from freshet.wiring.versions import named

NAMES = ["documents__0a1b2c3d4e5f6071", "documents__0a1b2c3d4e5f6071-2", "documents__0affffffffffffff"]


@pytest.mark.parametrize(
    ("wanted", "number"),
    [
        (NAMES[0], 0),
        ("0a1b2c3d4e5f6071", 0),  # all of a name, though another one begins so
        ("0a1b2c3d4e5f6071-", 1),
        ("0af", 2),
        ("documents__0af", 2),
    ],
)
def test_a_version_is_named_by_a_beginning_that_no_other_has(wanted: str, number: int):
    assert named("documents", NAMES, wanted) == NAMES[number]


@pytest.mark.parametrize(
    ("wanted", "told"),
    [("0a", "may be any of"), ("", "may be any of"), ("documents", "may be any of"), ("ff", "has no version 'ff'")],
)
def test_a_beginning_that_several_or_none_have_is_refused(wanted: str, told: str):
    with pytest.raises(NoSuchVersionError, match=told):
        named("documents", NAMES, wanted)


class Groups:
    """A group whose members leave one after the other, each time that somebody looks."""

    def __init__(self, *members: GroupMember) -> None:
        self._left = list(members)

    async def members(self, _group: str) -> list[GroupMember]:
        found = list(self._left)
        self._left = self._left[1:]
        return found


async def test_whoever_follows_a_version_is_told_once_and_waited_for():
    said: list[str] = []
    groups = Groups(GroupMember("freshet-worker", "10.0.0.1"), GroupMember("freshet-worker", "10.0.0.2"))
    await wait_until_left(groups, "group", NAMES[0], say=said.append, wait=LEAVE_SECONDS, poll=0)
    assert said == [
        f"waiting for those who follow {NAMES[0]} to end: freshet-worker at 10.0.0.1, freshet-worker at 10.0.0.2"
    ]


async def test_after_a_while_it_is_told_which_processes_must_be_stopped():
    groups = Groups(*[GroupMember("freshet-worker", "10.0.0.1")] * 99)
    with pytest.raises(FreshetError, match=r"still followed by freshet-worker at 10\.0\.0\.1: stop that"):
        await wait_until_left(groups, "group", NAMES[0], say=lambda _: None, wait=0, poll=0)
