"""Searches while another version with another model becomes the live one, and the one before is dropped."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from freshet.schemas.errors import DeniedError, TransientError
from freshet.schemas.filters import Filter
from freshet.schemas.http import SearchAnswer, SearchRequest
from freshet.search.asking import InvalidSearch, SearchRules
from freshet.search.embedding.base import Embedded, Model, Purpose
from freshet.search.index.base import Query, VersionInfo
from freshet.search.index.records import Hit, LedgerRecord, StoredPassage
from freshet.search.live import LiveIndex, LiveVersion
from freshet.search.metrics import SearchMetrics
from freshet.search.service import SearchService
from freshet.search.statistics import TermStatistics
from freshet.search.watching import IndexWatch
from tests.support.waiting import wait_until
from tests.unit.search.http.world import MemoryReader, Versions, WordEmbedder

TEXT = "cats"


class OneWay(WordEmbedder):
    """A model whose vectors point in a direction of its own, and that takes so many tokens."""

    def __init__(self, name: str, direction: int, max_tokens: int = 512) -> None:
        super().__init__()
        self.model = Model("test", name, 2, max_tokens)
        self.direction = direction

    async def embed(self, texts: Sequence[str], *, purpose: Purpose = "index") -> Embedded:
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        self.asked += [(text, purpose) for text in texts]
        return Embedded(np.tile(np.eye(2, dtype=np.float32)[self.direction], (len(texts), 1)), len(texts))


class DroppableReader(MemoryReader):
    """One document, named like its version; no call is answered at once, and none after the version was dropped."""

    def __init__(self, name: str, direction: int) -> None:
        super().__init__()
        self.put(f"{name}-document", TEXT)
        (passage,) = self.stored.values()
        vector = np.eye(2, dtype=np.float32)[direction]
        self.stored = {passage.id: StoredPassage(passage.id, passage.key, TEXT, 0, passage.rank, vector, passage.terms)}
        self.dropped = False

    async def _there(self) -> None:
        await asyncio.sleep(0)
        if self.dropped:
            raise DeniedError("search", "404 there is no such collection")

    async def nearest(
        self, queries: Sequence[Query], *, limit: int, filters: Filter | None = None, tenant: str | None = None
    ) -> list[list[Hit]]:
        await self._there()
        return await super().nearest(queries, limit=limit, filters=filters, tenant=tenant)

    async def ledger(self, keys: Collection[str]) -> dict[str, LedgerRecord]:
        await self._there()
        return await super().ledger(keys)

    async def statistics(self, known: TermStatistics | None = None) -> TermStatistics | None:
        await self._there()
        return await super().statistics(known)

    async def newest(self, *, tenant: str | None = None) -> LedgerRecord | None:
        await self._there()
        return await super().newest(tenant=tenant)

    async def count(self, filters: Filter | None = None, *, tenant: str | None = None) -> int:
        await self._there()
        return await super().count(filters, tenant=tenant)


class Two:
    """Versions `one` and `two`, with a model each; a version that was dropped is made again when it is to be live."""

    def __init__(self, *, max_tokens: tuple[int, int] = (512, 512)) -> None:
        self.models = {"one": OneWay("one", 0, max_tokens[0]), "two": OneWay("two", 1, max_tokens[1])}
        self.readers = {name: DroppableReader(name, model.direction) for name, model in self.models.items()}
        self.versions = Versions("one")
        self.index = LiveIndex(versions=self.versions, open_version=self._open)
        self.service = SearchService(
            index=self.index,
            embedder=self.models["one"],
            metrics=SearchMetrics(CollectorRegistry()),
            rules=SearchRules(),
        )

    def _open(self, info: VersionInfo) -> LiveVersion:
        return LiveVersion.of(info, self.readers[info.name], self.models[info.name])

    def switch(self, *, drop: bool = False) -> None:
        before = self.versions.name or ""
        after = "two" if before == "one" else "one"
        if self.readers[after].dropped:
            self.readers[after] = DroppableReader(after, self.models[after].direction)
        self.versions.name = after
        self.readers[before].dropped = drop

    async def search(self, query: str = TEXT, **options: object) -> SearchAnswer:
        return await self.service.search(SearchRequest.model_validate({"query": query, "explain": True, **options}))


def demand_whole(answer: SearchAnswer) -> None:
    """The document is that of the version which the answer names, and the query's vector that of its model."""
    (result,) = answer.results
    assert result.id == f"{answer.index.version}-document"
    assert result.explanation is not None
    assert result.explanation.dense is not None
    assert result.explanation.dense.score == pytest.approx(1.0)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=8))
async def test_no_search_fails_or_mixes_versions_however_they_are_switched_and_dropped(schedule):
    two, answers, done = Two(), list[SearchAnswer](), asyncio.Event()

    async def ask() -> None:
        while not done.is_set():
            answers.append(await two.search())

    searching = [asyncio.create_task(ask()) for _ in range(4)]
    for pauses, drop in schedule:
        for _ in range(pauses):
            await asyncio.sleep(0)
        two.switch(drop=drop)
        # A search survives one drop: whoever had begun by now must have ended before the next.
        await wait_until(partial(_went_on, searching, answers, len(answers)), "searches go on")
    done.set()
    await asyncio.gather(*searching)
    for answer in answers:
        demand_whole(answer)


def _went_on(searching: list[asyncio.Task[None]], answers: list[SearchAnswer], before: int) -> bool:
    return len(answers) >= before + 3 * len(searching) or any(each.done() for each in searching)


async def test_a_query_is_embedded_while_the_alias_is_asked_and_again_only_after_a_switch():
    two = Two()
    for _ in range(2):
        demand_whole(await two.search())
    assert (len(two.models["one"].asked), len(two.models["two"].asked)) == (2, 0)
    two.switch()
    for _ in range(2):
        demand_whole(await two.search())
    assert (len(two.models["one"].asked), len(two.models["two"].asked)) == (3, 2)


async def test_a_model_that_fails_keeps_no_version_of_another_model_from_being_searched():
    two = Two()
    await two.search()
    two.models["one"].failure = TransientError("embed", "the server is away")
    with pytest.raises(TransientError, match="the server is away"):
        await two.search()
    two.switch()
    demand_whole(await two.search())


@pytest.mark.parametrize(("limits", "told"), [((12, 512), None), ((512, 12), "has 15 tokens, the model takes 10")])
async def test_how_long_a_query_may_be_is_a_matter_of_the_model_of_the_live_version(limits, told):
    two = Two(max_tokens=limits)
    await two.search()
    two.switch()
    if told is None:
        assert (await two.search("a long question")).index.version == "two"
        return
    with pytest.raises(InvalidSearch, match=told):
        await two.search("a long question")


async def test_a_query_that_is_too_long_for_the_live_version_is_never_embedded():
    two = Two(max_tokens=(12, 512))
    with pytest.raises(InvalidSearch, match="the model takes 10"):
        await two.search("a long question")
    assert two.models["one"].asked == []


async def test_what_the_index_holds_is_told_of_the_next_version_where_the_one_looked_at_is_dropped():
    two = Two()
    watch = IndexWatch(name="documents", index=two.index)

    class SwitchedWhileCounting(DroppableReader):
        async def count(self, filters: Filter | None = None, *, tenant: str | None = None) -> int:
            if not self.dropped:
                two.switch(drop=True)
            return await super().count(filters, tenant=tenant)

    two.readers["one"] = SwitchedWhileCounting("one", 0)
    facts = await watch.facts()
    assert (facts.version, facts.documents) == ("two", 1)


async def test_the_model_is_tried_once_for_each_version_that_has_another():
    two = Two()
    check = two.service.checks()["embedder"]
    for _ in range(2):
        await two.index.current()
        await check()
        await check()
        two.switch()
    assert [len(model.asked) for model in two.models.values()] == [1, 1]
