"""In front of a server: how long a search waits, and when the server is left alone."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from freshet.schemas.errors import DeniedError, OutsideError, OverloadedError, PermanentError, TransientError
from freshet.search.rerank.base import RerankModel, RerankTooLate, Scores
from freshet.search.rerank.remote import RemoteRerank
from tests.support.waiting import wait_until

PATIENCE = 60.0


class Server:
    model = RerankModel("test", "m")

    def __init__(self) -> None:
        self.now = 100.0
        self.asked = 0
        self.error: OutsideError | None = None
        self.open = asyncio.Event()
        self.open.set()
        self.closed = False

    async def score(self, query: str, texts: Sequence[str]) -> Scores:  # noqa: ARG002
        self.asked += 1
        await self.open.wait()
        if self.error is not None:
            raise self.error
        return np.full(len(texts), 0.5, np.float32)

    async def close(self) -> None:
        self.closed = True


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def remote(server: Server) -> RemoteRerank:
    return RemoteRerank(server, at_once=2, clock=lambda: server.now)


async def ask(remote: RemoteRerank, *, within: float = PATIENCE) -> Scores:
    return await remote.rerank("q", ["a", "b"], within=within)


async def test_scores_are_the_servers(remote: RemoteRerank):
    assert (await ask(remote)).tolist() == [0.5, 0.5]


async def test_a_search_waits_no_longer_than_it_may(server: Server, remote: RemoteRerank):
    server.open.clear()
    with pytest.raises(RerankTooLate, match="within 10 ms"):
        await ask(remote, within=0.01)


async def test_more_searches_than_may_wait_are_told_at_once(server: Server, remote: RemoteRerank):
    server.open.clear()
    calls = [asyncio.create_task(ask(remote)) for _ in range(2)]
    await wait_until(lambda: server.asked == 2)
    with pytest.raises(RerankTooLate, match="2 searches"):
        await ask(remote)
    server.open.set()
    await asyncio.gather(*calls)
    assert len(await ask(remote)) == 2


@pytest.mark.parametrize(
    ("error", "pause"),
    [
        (TransientError("rerank", "away"), 1.0),
        (DeniedError("rerank", "no key"), 1.0),
        (OverloadedError("rerank", "slow down", retry_after=7), 7.0),
        (OverloadedError("rerank", "slow down", retry_after=0), 1.0),
    ],
)
async def test_a_server_that_fails_is_left_alone_for_a_while(
    server: Server, remote: RemoteRerank, error: OutsideError, pause: float
):
    server.error = error
    with pytest.raises(type(error)):
        await ask(remote)
    server.error = None
    server.now += pause - 0.1
    with pytest.raises(TransientError, match=error.message):
        await ask(remote)
    assert server.asked == 1
    server.now += 0.2
    assert len(await ask(remote)) == 2


async def test_a_text_that_is_refused_says_nothing_of_the_server(server: Server, remote: RemoteRerank):
    server.error = PermanentError("rerank", "not Unicode")
    for _ in range(2):
        with pytest.raises(PermanentError):
            await ask(remote)
    assert server.asked == 2


async def test_no_texts_ask_nobody(server: Server, remote: RemoteRerank):
    assert (await remote.rerank("q", [], within=PATIENCE)).shape == (0,)
    assert server.asked == 0


async def test_closing_closes_the_connections(server: Server, remote: RemoteRerank):
    await remote.close()
    assert server.closed
