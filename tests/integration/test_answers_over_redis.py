"""Search processes that share a real Redis: what it loses, or brings back, makes no answer wrong, nor stops one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable

from freshet.search.feed.changes import FeedChange
from freshet.search.redis import connect
from freshet.search.results.redis import RedisResults
from freshet.search.results.upkeep import Shared
from tests.support.proxy import TcpProxy, Trouble
from tests.support.servers import LocalRedis
from tests.support.waiting import wait_until
from tests.unit.search.results.kept import Kept, shown

Start = Callable[[], Awaitable[LocalRedis]]


class Processes:
    """Processes over one index and one Redis. The first sees every change, the others those that they are told."""

    def __init__(self, url: str, *, timeout: float = 10) -> None:
        self.outcomes: Counter[Shared] = Counter()
        self._url = url
        self._timeout = timeout
        self._opened: list[RedisResults] = []
        self._changes: list[FeedChange] = []
        self.first = Kept(shared=self._open())  # type: ignore[arg-type]
        tell = self.first.following.tell

        def noted(change: FeedChange) -> None:
            self._changes.append(change)
            tell(change)

        self.first.following.tell = noted  # type: ignore[method-assign]

    def another(self, *, from_the_start: bool = True) -> Kept:
        """One that has seen every change, or none of those until now."""
        first = self.first
        process = Kept(shared=self._open(), reader=first.index, versions=first.versions)  # type: ignore[arg-type]
        if from_the_start:
            for change in self._changes:
                process.following.tell(change)
        else:
            process.following.position = first.following.position - 1
            process.following.lose()
        return process

    async def shared(self, answers: int) -> None:
        await wait_until(lambda: self.outcomes[Shared.WRITTEN] >= answers, "the answer is shared")

    async def close(self) -> None:
        for each in self._opened:
            await each.close()

    def _open(self) -> RedisResults:
        def counted(outcome: Shared, count: int) -> None:
            self.outcomes[outcome] += count

        client = connect(self._url, timeout=self._timeout)
        self._opened.append(RedisResults(client, timeout=self._timeout, pause=0.05, counted=counted))
        return self._opened[-1]


def write(process: Kept) -> None:
    for key, text in (("one", "cat"), ("two", "cat dog"), ("three", "cat dog bird")):
        process.edit(key, text)


async def test_an_old_dump_brings_back_no_answer_that_a_change_has_touched_since(restartable_redis: Start):
    server = await restartable_redis()
    processes = Processes(server.url)
    write(processes.first)
    assert shown(await processes.first.search()) == ["one", "two"]
    await processes.shared(1)
    assert (await processes.another().search()).cached
    admin = connect(server.url, timeout=10)
    await admin.save()
    processes.first.edit("one", "dog")
    assert shown(await processes.first.search()) == ["two", "three"]
    await processes.shared(2)
    await admin.aclose()
    for from_the_start in (True, False):
        await server.stop()
        await server.start()
        answer = await processes.another(from_the_start=from_the_start).search()
        assert (answer.cached, shown(answer)) == (False, ["two", "three"])
    await processes.close()


async def test_searches_go_on_while_redis_hangs_and_share_answers_again_when_it_is_well(restartable_redis: Start):
    server = await restartable_redis()
    async with TcpProxy(server.port) as proxy:
        processes = Processes(f"redis://127.0.0.1:{proxy.port}/0", timeout=0.5)
        write(processes.first)
        proxy.trouble = lambda: Trouble(delay=3_600)
        answer = await processes.first.search()  # and this test goes on
        assert (answer.cached, answer.degraded, shown(answer)) == (False, [], ["one", "two"])
        assert (await processes.first.search()).cached, "it has its own"
        assert not (await processes.another().search()).cached
        proxy.calm()

        async def shares() -> bool:
            processes.first.now += 31  # after which it tells others again how far an answer has come
            await processes.first.search()
            return (await processes.another().search()).cached

        await wait_until(shares, "others have what one has computed")
        await processes.close()
