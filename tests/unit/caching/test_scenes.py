"""What chance seldom brings about: scenes for single rules, each of which goes wrong without its rule."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import permutations, product
from typing import Any

import numpy as np
import pytest

from freshet.schemas.events import Event, Upsert
from freshet.schemas.http import SearchAnswer, SearchRequest
from freshet.schemas.positions import Order, Rank
from freshet.search.asking import SearchRules
from freshet.search.feed.tail import Tail
from freshet.search.index.records import LedgerRecord, Passage
from freshet.search.results import cache, proving
from freshet.search.results.base import Computed
from freshet.search.results.key import result_key
from tests.unit.caching.collection import FIELDS, TEXT
from tests.unit.caching.driver import SILENCE, Counts, Driver
from tests.unit.caching.feed import Feed
from tests.unit.caching.log import WORDS
from tests.unit.caching.searches import Parts, SearchProcess

QUERY = SearchRequest(query="red sky", mode="dense", limit=2)
SURELY = 3e-5  # more than `proving.DENSE_ROUNDING`, and than any computer rounds off in single precision


class Scene:
    """A world in which nobody does anything by himself: one process, and an index that the scene writes."""

    def __init__(self) -> None:
        self.driver = Driver(0, Order.LOG, Counts())
        self.world = self.driver.world
        self.world.tenants, self.world.tells_less = False, 0.0
        self.driver.parts = Parts({}, SearchRules(fields=FIELDS, list_length=2), 1 << 20, 1 << 20, 1_000)
        self.collection = self.world.make("v1", first=True)
        self.driver.lives = [self.collection]

    async def process(self) -> SearchProcess:
        made = SearchProcess(self.world, lambda: "v1", self.driver.parts)
        await made.start()
        while not made.tail.sure:
            await self.driver._let_go(self.world.gates.at(made.follower))
        self.driver.processes.append(made)
        return made

    def put(self, key: str, *texts: str, listed: bool = True) -> None:
        """Write a document, or only its passages, which are then nobody's."""
        ids = tuple(f"{key}-{number}" for number in range(len(texts)))
        rank = Rank(0, len(self.collection.ever))
        for id_, text in zip(ids, texts, strict=True):
            vector, terms = self.world.embedder.vector(text), TEXT.passage(text, {})
            self.collection.points.passages[id_] = Passage(id_, key, None, text, "", {}, 0, rank, vector, terms)
        record = LedgerRecord(key, key, None, 0, rank, None, 0.0, 0.0, "", "", passages=ids if listed else ())
        self.collection.points.ledger[key] = record

    async def publish(self, key: str, text: str) -> None:
        """An event, which a worker writes and tells, and everybody hears of."""
        place = self.world.log.place(key)
        lane = self.world.log.partitions[place]
        lane.append(Event(key, None, key, place, len(lane), 0.0, Upsert(id=key, text=text)))
        await self.world.own("v1")
        await self.driver._finish_work(self.collection)
        processes = self.driver.processes
        await self.driver._until(lambda: all(self.driver._is_told(each, self.collection) for each in processes))

    async def ask(self, process: SearchProcess) -> SearchAnswer:
        task: asyncio.Task[SearchAnswer] = await self.world.gates.start(process.service.search(QUERY))
        while not task.done() or self.world.gates.at(process):
            await self.driver._let_go(self.world.gates.at(process))
        return task.result()

    async def end(self) -> None:
        await self.driver.end()


async def crowded() -> tuple[bool, bool]:
    """So many passages that nobody lists are nearer that a search gives up before it comes to a document.

    Whether it was shown, and whether the answer was kept.
    """
    scene = Scene()
    try:
        scene.put("ghost", *["red sky"] * 40, listed=False)
        scene.put("there", "red oak")
        process = await scene.process()
        first = await scene.ask(process)
        return bool(first.results), (await scene.ask(process)).cached
    finally:
        await scene.end()


async def silent() -> SearchAnswer:
    """What is answered when the feed has not been heard of for some seconds."""
    scene = Scene()
    try:
        scene.put("there", "red sky")
        process = await scene.process()
        await scene.ask(process)
        scene.world.seconds += SILENCE
        return await scene.ask(process)
    finally:
        await scene.end()


async def recreated() -> bool:
    """Whether an answer is given again that was proven beside a feed whose topic was deleted and made anew."""
    scene = Scene()
    try:
        scene.put("there", "red sky")
        first = await scene.process()
        await scene.ask(first)
        scene.world.feed = Feed(identity="feed-2")
        return (await scene.ask(await scene.process())).cached
    finally:
        await scene.end()


async def hardly_nearer() -> tuple[set[str], set[str]]:
    """A passage comes that is nearer than the last of a list, and seems farther as the feed tells it.

    The documents that are shown before and after.
    """
    scene = Scene()
    try:
        last, nearer = _hardly_nearer(scene)
        scene.put("first", "red sky")
        scene.put("last", last)
        process = await scene.process()
        before = await scene.ask(process)
        await scene.publish("nearer", nearer)
        after = await scene.ask(process)
        return {each.id for each in before.results}, {each.id for each in after.results}
    finally:
        await scene.end()


def _hardly_nearer(scene: Scene) -> tuple[str, str]:
    """Two texts, of which the second is nearer to the query, and in half precision farther."""
    query = scene.world.embedder.vector(QUERY.query)
    texts = [
        f"{one}{dot} {other}{end}" for one, other in permutations(WORDS, 2) for dot in ("", ".") for end in ("", ".")
    ]
    vectors = {text: scene.world.embedder.vector(text) for text in texts}
    exact = {text: float(query @ vector) for text, vector in vectors.items()}
    told = {text: float(query @ vector.astype(np.float16).astype(np.float32)) for text, vector in vectors.items()}
    return next(
        (last, nearer)
        for last, nearer in product(texts, repeat=2)
        if exact[nearer] > exact[last] + SURELY and told[nearer] < exact[last] - SURELY
    )


async def test_what_a_search_gave_up_is_not_kept() -> None:
    assert await crowded() == (False, False)


async def test_that_is_because_it_says_less_than_the_index_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Computed, "keepable", property(lambda self: not self.content.degraded))
    assert await crowded() == (False, True)


async def test_who_has_not_heard_of_the_feed_for_some_seconds_uses_no_cache_and_says_so() -> None:
    answer = await silent()
    assert not answer.cached
    assert answer.degraded == ["changes_unknown"]


async def test_that_is_because_a_tail_says_when_it_is_not_sure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tail, "sure", property(lambda self: self._caught_up))
    assert (await silent()).cached


async def test_an_answer_is_not_proven_beside_another_feed() -> None:
    assert not await recreated()


async def test_that_is_what_the_feeds_identity_is_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def same(*args: Any, **options: Any) -> str:
        return result_key(*args, **{**options, "feed": "any"})

    monkeypatch.setattr(cache, "result_key", same)
    assert await recreated()


async def test_a_passage_may_be_nearer_than_the_feed_tells_it() -> None:
    assert await hardly_nearer() == ({"first", "last"}, {"first", "nearer"})


async def test_that_is_seen_because_the_feed_tells_by_how_much(monkeypatch: pytest.MonkeyPatch) -> None:
    near = proving._near

    def as_told(stretch: Any, query: Any, last: float | None) -> Any:
        return near(replace(stretch, errors=np.zeros_like(stretch.errors)), query, last)

    monkeypatch.setattr(proving, "_near", as_told)
    assert await hardly_nearer() == ({"first", "last"}, {"first", "last"})
