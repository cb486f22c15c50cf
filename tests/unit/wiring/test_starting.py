"""What a worker waits for before it makes anything."""

import pytest

from freshet.schemas.errors import TransientError
from freshet.schemas.topics import Source
from freshet.wiring.starting import there


async def test_a_topic_that_is_not_there_yet_is_worth_another_try():
    async def find():
        return answers.pop(0)

    topic = Source("documents", 4, "the-first")
    answers = [None, topic]
    with pytest.raises(TransientError):
        await there(find)
    assert await there(find) == topic
