"""What servers of tokens answer, in the forms that they are known for."""

import pytest
from aiokafka.errors import KafkaConnectionError

from freshet.streams.kafka.tokens import ClientTokens
from tests.support.token_server import TokenServer


@pytest.mark.parametrize("told", ["3599", 3599, 3599.0])
async def test_a_life_of_a_token_may_be_told_as_text(told):
    now = 0.0
    async with TokenServer({"me": "x"}, expires_in=told) as server:
        tokens = ClientTokens(server.url, client="me", secret="x", clock=lambda: now)
        for moment in (0.0, 2000.0, 3500.0, 3501.0):
            now = moment
            await tokens.token()
    assert len(server.given) == 2


@pytest.mark.parametrize("told", ["soon", [], float("nan")])
async def test_a_life_that_is_no_number_is_no_answer(told):
    async with TokenServer({"me": "x"}, expires_in=told) as server:
        with pytest.raises(KafkaConnectionError, match="it answers 200"):
            await ClientTokens(server.url, client="me", secret="x").token()
