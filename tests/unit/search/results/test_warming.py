"""Asking popular queries in advance: when another version is live, one by one, and never beside users."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from freshet.schemas.errors import TransientError
from freshet.schemas.http import SearchRequest
from freshet.search.asking import InvalidSearch
from freshet.search.results.popular import Popular
from freshet.search.results.upkeep import Warmed
from freshet.search.results.warming import Warming
from tests.support.waiting import wait_until


class Service:
    """A search service with a clock of its own: each search takes a second, and each wait no time but on the clock."""

    def __init__(self, *queries: str) -> None:
        self.popular = Popular()
        for query in queries:
            self.popular.asked(SearchRequest(query=query))
        self.asked: list[tuple[str | None, str]] = []
        self.live: str | None = "one"
        self.quiet = True
        self.failing: set[str] = set()
        self.refused: set[str] = set()
        self.counts: Counter[Warmed] = Counter()
        self.now = 0.0
        self.rested: list[float] = []
        self.during: Callable[[str], None] = lambda _: None

    async def search(self, request: SearchRequest) -> None:
        self.now += 1.0
        self.asked.append((self.live, request.query))
        await asyncio.sleep(0)
        self.during(request.query)
        if request.query in self.refused:
            raise InvalidSearch("query", "has more tokens than the model takes")
        if request.query in self.failing:
            raise TransientError("search", "away")

    async def version(self) -> str | None:
        if self.live is None:
            raise TransientError("find the live index version", "no index version is live yet")
        return self.live

    async def sleep(self, seconds: float) -> None:
        self.rested.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)

    @property
    def looks(self) -> int:
        return len(self.rested)

    @asynccontextmanager
    async def warming(self, most: int = 10) -> AsyncIterator[None]:
        warming = Warming(
            popular=self.popular,
            most=most,
            search=self.search,
            version=self.version,
            quiet=lambda: self.quiet,
            counted=lambda outcome: self.counts.update([outcome]),
            clock=lambda: self.now,
            sleep=self.sleep,
        )
        task = asyncio.create_task(warming.run())
        yield
        assert not task.done()
        task.cancel()
        await asyncio.wait({task})

    async def looked(self, times: int = 5) -> None:
        """Return when it has looked so often again."""
        before = self.looks
        await wait_until(lambda: self.looks >= before + times)


async def test_the_most_popular_are_asked_at_the_start_and_again_when_another_version_is_live():
    service = Service("a", "b", "b", "c", "c", "c")
    async with service.warming(most=2):
        await service.looked()
        assert service.asked == [("one", "c"), ("one", "b")]
        service.live = "two"
        await service.looked()
    assert service.asked[2:] == [("two", "c"), ("two", "b")]
    assert service.counts == {Warmed.DONE: 4}


async def test_nothing_is_asked_before_a_version_is_live_and_not_again_when_it_was_away():
    service = Service("a")
    service.live = None
    async with service.warming():
        await service.looked()
        assert service.asked == []
        for live in ("one", None, "one"):
            service.live = live
            await service.looked()
    assert service.asked == [("one", "a")]


async def test_it_waits_while_others_are_busy_also_in_the_middle():
    service = Service("a", "a", "b")
    service.quiet = False
    service.during = lambda _: setattr(service, "quiet", False)
    async with service.warming():
        await service.looked()
        assert service.asked == []
        service.quiet = True
        await service.looked()
        assert service.asked == [("one", "a")]
        service.quiet = True
        await service.looked()
    assert service.asked == [("one", "a"), ("one", "b")]


async def test_it_rests_after_each_for_as_long_as_that_took():
    service = Service("a", "b")
    async with service.warming():
        await wait_until(lambda: len(service.asked) == 2)
        assert service.rested[:1] == [1.0]


async def test_what_another_version_makes_useless_is_begun_anew():
    service = Service("a", "a", "b")
    service.during = lambda query: setattr(service, "live", "two") if query == "a" else None
    async with service.warming():
        await service.looked()
    assert service.asked == [("one", "a"), ("two", "a"), ("two", "b")]


async def test_one_that_fails_is_passed_over_and_after_three_in_a_row_no_more_are_tried():
    service = Service(*"aaaaabbbbcccdde")
    service.failing = {"a"}
    async with service.warming():
        await service.looked()
        assert [query for _, query in service.asked] == list("abcde")
        assert service.counts == {Warmed.FAILED: 1, Warmed.DONE: 4}
        service.failing, service.live = set("abcde"), "two"
        await service.looked()
    assert [query for _, query in service.asked[5:]] == list("abc")


async def test_queries_that_can_never_be_answered_do_not_keep_others_from_being_asked():
    service = Service(*"aaaaa", *"bbbb", *"ccc", *"dd")
    service.refused = {"a", "b", "c"}
    async with service.warming():
        await service.looked()
    assert service.counts == {Warmed.REFUSED: 3, Warmed.DONE: 1}
