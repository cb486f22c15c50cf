"""The reranker's part in an answer: its order, its scores, and what is told when it is missing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import numpy as np
import pytest

from freshet.schemas.errors import DeniedError, OverloadedError, PermanentError, TransientError
from freshet.search.rerank.base import RerankModel, RerankOff, RerankTooLate, Scores
from freshet.search.reranking import Reranking
from tests.unit.search.http.world import World

COUNT = 40


class ByNumber:
    """Prefers what has the higher number at its end; where it fails, it fails."""

    model = RerankModel("test", "by-number")

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self.asked: list[tuple[str, list[str], float]] = []

    async def rerank(self, query: str, texts: Sequence[str], *, within: float) -> Scores:
        self.asked.append((query, list(texts), within))
        if self.failure is not None:
            raise self.failure
        return np.array([int(text.split()[-1]) / COUNT for text in texts], np.float32)

    async def close(self) -> None:
        return


@pytest.fixture
def reranker() -> ByNumber:
    return ByNumber()


@pytest.fixture
async def world(reranker: ByNumber) -> AsyncIterator[World]:
    world = World(reranking=Reranking(reranker, seconds=0.25))
    for number in range(COUNT):
        world.reader.put(f"d{number:02}", f"{'cat ' * (COUNT - number)}dog {number}", title=f"Title {number}")
    async with world.serving():
        yield world


async def results(world: World, **options: object) -> list[dict[str, Any]]:
    return list((await world.search("cat", **options)).json["results"])


async def test_three_times_the_limit_are_reranked_and_the_rest_keep_their_places(world: World, reranker: ByNumber):
    fused = [each["id"] for each in await results(world, limit=COUNT, rerank=False)]
    found = await results(world, limit=4)
    assert [each["id"] for each in found] == sorted(fused[:12], key=lambda id_: -int(str(id_)[1:]))[:4]
    rest = [each["id"] for each in await results(world, limit=4, offset=12)]
    assert rest == fused[12:16]
    query, texts, within = reranker.asked[0]
    assert (query, len(texts), within) == ("cat", 12, 0.25)
    assert texts[0].startswith(f"Title {int(str(fused[0])[1:])}. ")


async def test_pages_of_one_limit_neither_repeat_nor_skip_a_document(world: World):
    pages = [[each["id"] for each in await results(world, limit=5, offset=at)] for at in range(0, COUNT, 5)]
    assert sorted(each for page in pages for each in page) == [f"d{number:02}" for number in range(COUNT)]


async def test_an_answer_tells_the_models_scores_and_its_name(world: World):
    answer = (await world.search("cat", limit=4, explain=True)).json
    assert answer["reranked"] is True
    assert answer["query"]["reranker"] == "by-number"
    first = answer["results"][0]
    assert first["score"] == first["explanation"]["rerank"]
    assert 0 <= first["explanation"]["fused"] <= 1
    assert "rerank" in answer["stages"]
    assert answer["degraded"] == []


@pytest.mark.parametrize(
    ("failure", "word"),
    [
        (RerankTooLate("late"), "rerank_late"),
        (TransientError("rerank", "away"), "rerank_failed"),
        (OverloadedError("rerank", "busy", retry_after=3), "rerank_failed"),
        (PermanentError("rerank", "no"), "rerank_failed"),
        (DeniedError("rerank", "key"), "rerank_failed"),
    ],
)
async def test_without_the_reranker_the_fused_order_is_served_and_the_answer_says_so(world, reranker, failure, word):
    fused = [each["id"] for each in await results(world, rerank=False)]
    reranker.failure = failure
    answer = (await world.search("cat")).json
    assert [each["id"] for each in answer["results"]] == fused
    assert (answer["degraded"], answer["reranked"]) == ([word], False)
    assert world.sample("freshet_search_degraded_total", reason=word) == 1


async def test_whoever_wants_no_reranking_is_answered_without_it(world: World, reranker: ByNumber):
    answer = (await world.search("cat", rerank=False)).json
    assert (answer["degraded"], answer["reranked"], reranker.asked) == ([], False, [])


@pytest.mark.parametrize(("wanted", "degraded"), [(True, ["rerank_off"]), (False, [])])
async def test_a_reranker_that_the_settings_ask_for_and_is_not_there_is_told(wanted: bool, degraded: list[str]):
    world = World(reranking=Reranking(RerankOff("no hub", wanted=wanted), seconds=1))
    world.reader.put("one", "a cat")
    async with world.serving():
        answer = (await world.search("cat")).json
    assert (answer["degraded"], answer["reranked"]) == (degraded, False)
    assert "rerank" not in answer["stages"]
