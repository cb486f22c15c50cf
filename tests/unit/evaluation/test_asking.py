"""Every query is asked once in each way, and its time is that of the answer alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.evaluation.asking import Asked, ask_all
from freshet.evaluation.beir import FolderError, Judged, read_folder
from freshet.evaluation.runs import RUNS, Run
from freshet.schemas.decoding import Rules
from freshet.schemas.errors import TransientError
from freshet.schemas.http import IndexState, SearchAnswer, SearchRequest, SearchResult
from freshet.search.asking import InvalidSearch
from freshet.search.service import SearchService
from tests.support.judged import write_judged


class Service:
    """Answers with the documents that it was told, late with `reranked` ones; a `failing` query raises."""

    def __init__(
        self, found: dict[str, list[str]], *, reranked: list[str] | None = None, failing: Exception | None = None
    ) -> None:
        self.requests: list[SearchRequest] = []
        self._found = found
        self._reranked = reranked
        self._failing = failing

    async def search(self, request: SearchRequest) -> SearchAnswer:
        self.requests.append(request)
        if self._failing is not None:
            raise self._failing
        found = self._reranked if request.rerank and self._reranked else self._found[request.query]
        degraded = ["rerank_late"] if request.rerank else []
        results = [SearchResult(id=id_, score=1, title="", text="", metadata={}) for id_ in found]
        index = IndexState(version="v")
        return SearchAnswer(
            query_id="i", results=results, took_ms=0, stages={}, degraded=degraded, reranked=False, index=index
        )


@pytest.fixture
def judged(tmp_path: Path) -> Judged:
    folder = write_judged(
        tmp_path / "mini", {"a": "one", "b": "two"}, {"q1": "one", "q2": "two"}, {"q1": {"a": 1}, "q2": {"b": 1}}
    )
    return read_folder(folder, rules=Rules())


async def ask(service: Service, run: Run, judged: Judged, **given: Any) -> Asked:
    advanced: list[int] = []
    asked = await ask_all(cast("SearchService", service), run, judged, advance=advanced.append, **given)
    assert sum(advanced) == len(judged.queries)
    return asked


async def test_what_each_query_found_is_kept_in_its_order(judged: Judged):
    asked = await ask(Service({"one": ["a", "b"], "two": []}), RUNS[0], judged)
    assert asked.found == {"q1": ["a", "b"], "q2": []}


@pytest.mark.parametrize("run", RUNS[:3], ids=lambda run: run.name)
async def test_a_way_of_asking_is_a_mode_and_asks_for_as_much_as_one_may(judged: Judged, run: Run):
    service = Service({"one": [], "two": []})
    await ask(service, run, judged)
    asked = {(each.mode, each.limit, each.offset, each.rerank) for each in service.requests}
    assert asked == {(run.name, 100, 0, False)}


async def test_a_reranked_page_is_followed_by_what_was_not_on_it(judged: Judged):
    service = Service({"one": ["a", "b"], "two": ["c"]}, reranked=["b"])
    asked = await ask(service, RUNS[3], judged)
    assert asked.found == {"q1": ["b", "a"], "q2": ["b", "c"]}
    assert [(each.limit, each.rerank) for each in service.requests[-2:]] == [(10, True), (100, False)]
    assert asked.degraded == 2


async def test_the_first_search_which_opens_connections_is_not_timed(judged: Judged):
    ticks: Iterator[float] = iter([10.0, 10.5, 20.0, 20.25])
    service = Service({"one": [], "two": []})
    asked = await ask(service, RUNS[0], judged, clock=lambda: next(ticks))
    assert asked.seconds == [0.5, 0.25]
    assert [each.query for each in service.requests] == ["one", "one", "two"]


async def test_a_query_that_cannot_be_asked_is_told_by_its_line(judged: Judged):
    service = Service({}, failing=InvalidSearch("query", "is empty"))
    with pytest.raises(FolderError, match=r"queries\.jsonl, line 1: the query is empty"):
        await ask(service, RUNS[0], judged)


async def test_what_the_index_raises_is_no_mistake_of_the_folder(judged: Judged):
    service = Service({}, failing=TransientError("search", "connection refused"))
    with pytest.raises(TransientError):
        await ask(service, RUNS[0], judged)


@pytest.mark.parametrize(("share", "milliseconds"), [(0.5, 500), (0.95, 950), (1.0, 1000), (0.001, 10)])
def test_shares_are_of_the_answers_not_between_them(share, milliseconds):
    asked = Asked({}, [number / 100 for number in range(100, 0, -1)])
    assert asked.milliseconds(share) == milliseconds


@given(st.lists(st.floats(0, 10), min_size=1), st.floats(0.01, 1))
def test_a_latency_is_always_one_that_was_measured(seconds, share):
    asked = Asked({}, seconds)
    assert asked.milliseconds(share) in {round(1_000 * each, 2) for each in seconds}
