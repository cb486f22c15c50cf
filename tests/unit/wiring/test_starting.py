"""Looking at the topic of a worker that runs."""

import asyncio

import pytest

from freshet.schemas.errors import MisfitError, TransientError
from freshet.schemas.topics import Source
from freshet.wiring.starting import keep_looking, there

FIRST, SECOND = Source("documents", 4, "the-first"), Source("documents", 4, "the-second")


async def no_time(_seconds):
    await asyncio.sleep(0)


def finding(*answers):
    """Finds these one after the other; errors are raised."""
    left = list(answers)

    async def find():
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return find


async def test_a_topic_that_was_created_again_is_noticed_however_often_kafka_was_away_before():
    checked = []

    def check(source):
        checked.append(source)
        if source != FIRST:
            raise MisfitError("created again")

    find = finding(FIRST, TransientError("look at the topic", "no broker answers"), None, FIRST, SECOND)
    with pytest.raises(MisfitError, match="created again"):
        await keep_looking(find, check, sleep=no_time)
    assert checked == [FIRST, FIRST, SECOND]


async def test_a_topic_that_is_not_there_yet_is_worth_another_try():
    with pytest.raises(TransientError):
        await there(finding(None))
    assert await there(finding(FIRST)) == FIRST
