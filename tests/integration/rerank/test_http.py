"""Servers that rerank, over the wire: what they are sent, what is made of their answers and refusals."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest

from freshet.local.processes import free_port
from freshet.schemas.errors import DeniedError, OutsideError, OverloadedError, PermanentError, TransientError
from freshet.search.rerank import http
from freshet.search.rerank.base import Scores
from freshet.search.rerank.dialects import Api
from freshet.search.rerank.http import HTTPReranker
from freshet.search.rerank.load import load_reranker
from tests.support.rerank_server import Reply, RerankServer, running_rerank_server, score_of

TEXTS = ["a rat", "the heart", "mice"]
SCORES = [score_of("q", text) for text in TEXTS]


@pytest.fixture
async def server() -> AsyncIterator[RerankServer]:
    async with running_rerank_server() as server:
        yield server


async def score(server: RerankServer, texts: list[str] = TEXTS, *, api: Api = "tei", **options) -> Scores:
    url = server.url if api == "tei" else f"{server.url}/v2/"
    reranker = HTTPReranker(http.RerankServer(url, api, "some-model", **options))
    try:
        return await reranker.score("q", texts)
    finally:
        await reranker.close()


async def test_tei_is_asked_to_cut_texts_and_to_give_scores_from_0_to_1(server: RerankServer):
    assert (await score(server)).tolist() == pytest.approx(SCORES)
    assert server.requests == [{"query": "q", "texts": TEXTS, "truncate": True, "raw_scores": False}]


async def test_cohere_is_told_the_model_and_asked_for_all_texts(server: RerankServer):
    assert (await score(server, api="cohere")).tolist() == pytest.approx(SCORES)
    assert server.requests == [{"model": "some-model", "query": "q", "documents": TEXTS, "top_n": 3}]


@pytest.mark.parametrize(("batch", "sizes"), [(None, [8, 32, 32]), (30, [12, 30, 30])])
async def test_requests_hold_no_more_texts_than_the_server_takes(server: RerankServer, batch: int | None, sizes):
    texts = [f"text {n}" for n in range(72)]
    assert (await score(server, texts, batch=batch)).tolist() == pytest.approx([score_of("q", text) for text in texts])
    assert sorted(len(request["texts"]) for request in server.requests) == sizes


async def test_a_request_with_too_many_texts_says_what_to_change(server: RerankServer):
    with pytest.raises(PermanentError, match=r"413.*batch size too large.*fewer texts"):
        await score(server, ["text"] * 40, batch=40)


async def test_the_key_is_sent_where_there_is_one(server: RerankServer):
    await score(server)
    await score(server, api_key="secret")
    assert "Authorization" not in server.headers[0]
    assert server.headers[1]["Authorization"] == "Bearer secret"


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (Reply(500, {"error": "oh"}), TransientError, "500"),
        (Reply(424, {"error": "Backend", "error_type": "Backend"}), TransientError, "Backend"),
        (Reply(408), TransientError, "408"),
        (Reply(429, {"error": "Model is overloaded"}), OverloadedError, "overloaded"),
        (Reply(503, {"error": "not ready"}), OverloadedError, "not ready"),
        (Reply(422, {"error": "bad input"}), PermanentError, "bad input"),
        (Reply(401, {"message": "no"}), DeniedError, "check the API key"),
        (Reply(403), DeniedError, "no right"),
        (Reply(404, text="<h1>Not Found</h1>"), DeniedError, "base URL"),
        (Reply(302, headers={"Location": "https://elsewhere.example"}), DeniedError, "base URL"),
        (Reply(200, text="<h1>Welcome</h1>"), TransientError, "not JSON"),
    ],
)
async def test_refusals_are_told_apart_and_not_retried(
    server: RerankServer, reply: Reply, kind: type[OutsideError], words: str
):
    server.replies = [reply]
    with pytest.raises(kind, match=words) as caught:
        await score(server)
    assert type(caught.value) is kind
    assert len(server.requests) == 1


@pytest.mark.parametrize(("headers", "wait"), [({"Retry-After": "7"}, 7), ({}, 1), ({"Retry-After": "soon"}, 1)])
async def test_an_overloaded_server_says_how_long_to_wait(server: RerankServer, headers: dict[str, str], wait: float):
    server.replies = [Reply(429, headers=headers)]
    with pytest.raises(OverloadedError) as caught:
        await score(server)
    assert caught.value.retry_after == wait


def items(*scores: object, first: int = 0) -> list[dict[str, object]]:
    return [{"index": index, "score": value} for index, value in enumerate(scores, first)]


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        ({"results": items(0.1, 0.2, 0.3)}, TransientError, "no scores"),
        (None, TransientError, "no scores"),
        (items(0.1, 0.2), DeniedError, "not one score for each"),
        (items(0.1, 0.2, 0.3, first=1), DeniedError, "not one score for each"),
        ([*items(0.1, 0.2), *items(0.3)], DeniedError, "not one score for each"),
        ([*items(0.1, 0.2, 0.3), *items(0.3)], DeniedError, "not one score for each"),
        (items(0.1, 0.2, float("nan")), PermanentError, "not finite"),
        (items(-3.1, 0.2, 8.5), DeniedError, "between 0 and 1"),
        (items(0.1, 0.2, None), DeniedError, "no index and score"),
        ([0.1, 0.2, 0.3], DeniedError, "no index and score"),
        ([{"index": [0], "score": 1}], DeniedError, "no index and score"),
        ([{"index": 0, "relevance_score": 1}], DeniedError, "no index and score"),
    ],
)
async def test_an_answer_that_is_not_what_was_asked_for_never_becomes_an_order(
    server: RerankServer, answer: object, kind: type[OutsideError], words: str
):
    server.replies = [Reply(200, answer)]
    with pytest.raises(kind, match=words) as caught:
        await score(server)
    assert type(caught.value) is kind


async def test_an_endless_answer_is_not_read_to_its_end(server: RerankServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(http, "_LARGEST_ANSWER", 1_000)
    server.replies = [Reply(200, text="x" * 2_000)]
    with pytest.raises(DeniedError, match="longer than 1,000 bytes"):
        await score(server)


async def test_a_server_that_is_away_is_a_transient_error():
    with pytest.raises(TransientError, match="reachable"):
        await score(RerankServer(url=f"http://127.0.0.1:{free_port()}"))


async def test_a_server_that_never_answers_is_a_transient_error():
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    listener = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with listener:
        url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        with pytest.raises(TransientError, match=r"within 0\.2 s"):
            await score(RerankServer(url=url), timeout=0.2)


async def test_a_proxy_of_the_environment_sees_nothing_that_stays_on_the_machine(
    server: RerankServer, monkeypatch: pytest.MonkeyPatch
):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    assert len(await score(server)) == len(TEXTS)


async def test_a_closed_one_says_so(server: RerankServer):
    reranker = HTTPReranker(http.RerankServer(server.url, "tei", "m"))
    await reranker.close()
    with pytest.raises(TransientError, match="closed"):
        await reranker.score("q", TEXTS)


async def test_it_is_loaded_with_its_server_and_key(server: RerankServer):
    reranker = load_reranker("http", "m", base_url=f"{server.url}/v2", api="cohere", api_key="secret", batch_texts=2)
    assert np.allclose(await reranker.rerank("q", TEXTS, within=60), SCORES)
    assert [len(request["documents"]) for request in server.requests] == [2, 1]
    assert server.headers[0]["Authorization"] == "Bearer secret"
    assert (reranker.model.provider, reranker.model.name) == ("http", "m")
    await reranker.close()
