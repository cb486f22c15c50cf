"""The OpenAI adapter against a server that speaks the wire."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest

from freshet.schemas.errors import DeniedError, OverloadedError, PermanentError, TransientError
from freshet.search.embedding.load import load_embedder
from freshet.search.embedding.openai import Endpoint, OpenAIEmbedder
from tests.support.openai_server import DIMENSION, OpenAIServer, Refusal, running_openai_server, tokens, vector_of


@pytest.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    async with running_openai_server() as server:
        yield server


async def embed(server: OpenAIServer, texts: list[str], **options):
    embedder = OpenAIEmbedder.connect(Endpoint("m", base_url=server.url, **{"dimensions": DIMENSION, **options}))
    try:
        return await embedder.embed(texts)
    finally:
        await embedder.close()


def unit(text: str, dimension: int = DIMENSION):
    vector = vector_of(text, dimension)
    return vector / np.linalg.norm(vector)


@pytest.mark.parametrize("encoding", ["base64", "float"])
@pytest.mark.parametrize("base64_known", [True, False])
async def test_vectors_arrive_in_either_encoding(server: OpenAIServer, encoding: str, base64_known: bool):
    server.base64 = base64_known
    embedded = await embed(server, ["a", "b"], encoding=encoding)
    assert np.allclose(embedded.vectors, [unit("a"), unit("b")], atol=1e-6)
    assert server.requests[0]["encoding_format"] == encoding


async def test_answers_are_put_in_the_order_of_their_index(server: OpenAIServer):
    server.shuffled = True
    embedded = await embed(server, ["a", "b", "c"])
    assert np.allclose(embedded.vectors, [unit(text) for text in "abc"], atol=1e-6)


async def test_requests_keep_to_the_number_of_inputs_that_a_server_takes(server: OpenAIServer):
    server.max_inputs = 3
    texts = [f"text {n}" for n in range(10)]
    embedded = await embed(server, texts, max_inputs=3)
    assert sorted(len(request["input"]) for request in server.requests) == [1, 3, 3, 3]
    assert np.allclose(embedded.vectors, [unit(text) for text in texts], atol=1e-6)


async def test_requests_keep_to_the_tokens_that_the_api_takes(server: OpenAIServer):
    texts = [f"{'word ' * 5_000}{n}" for n in range(60)]
    embedded = await embed(server, texts)
    assert len(server.requests) > 1
    assert all(sum(map(tokens, request["input"])) <= server.max_tokens for request in server.requests)
    assert len(embedded.vectors) == 60


async def test_a_server_with_a_smaller_batch_than_we_know_is_given_halves(server: OpenAIServer):
    server.max_inputs = 4
    texts = [f"text {n}" for n in range(16)]
    embedded = await embed(server, texts)
    assert np.allclose(embedded.vectors, [unit(text) for text in texts], atol=1e-6)
    assert embedded.tokens == sum(map(tokens, texts))


async def test_a_request_that_is_too_long_in_all_is_halved(server: OpenAIServer):
    server.max_tokens = 100
    texts = [f"{'word ' * 30}{n}" for n in range(8)]
    assert np.allclose((await embed(server, texts)).vectors, [unit(text) for text in texts], atol=1e-6)


async def test_a_text_that_the_server_finds_too_long_is_cut_until_it_fits(server: OpenAIServer):
    server.max_input_tokens = 50
    long = "abc" * 120
    embedded = await embed(server, ["short", long])
    assert np.allclose(embedded.vectors, [unit("short"), unit(long[: len(long) // 4])], atol=1e-6)


async def test_rate_limits_say_how_long_to_wait(server: OpenAIServer):
    for headers, wait in [
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "7"}, 7),
        ({}, 1),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
    ]:
        server.refusals = [Refusal(429, "slow down", headers=headers)]
        with pytest.raises(OverloadedError) as caught:
            await embed(server, ["a"])
        assert caught.value.retry_after == wait
        assert caught.value.__cause__ is not None


async def test_an_account_without_money_is_waited_for_and_says_so(server: OpenAIServer):
    server.refusals = [Refusal(429, "You exceeded your current quota", "insufficient_quota")]
    with pytest.raises(OverloadedError, match="money") as caught:
        await embed(server, ["a"])
    assert caught.value.retry_after >= 60


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (Refusal(500), TransientError),
        (Refusal(503), TransientError),
        (Refusal(503, headers={"retry-after": "3"}), OverloadedError),
        (Refusal(408), TransientError),
        (Refusal(400, "bad input"), PermanentError),
        (Refusal(401, "Incorrect API key provided"), DeniedError),
        (Refusal(403, "not yours"), DeniedError),
        (Refusal(404, "no such model"), DeniedError),
    ],
)
async def test_refusals_are_told_apart_and_not_retried(server: OpenAIServer, refusal: Refusal, kind: type[Exception]):
    server.refusals = [refusal]
    with pytest.raises(kind) as caught:
        await embed(server, ["a"])
    assert type(caught.value) is kind
    assert len(server.requests) == 1


async def test_wrong_credentials_are_explained(server: OpenAIServer):
    server.refusals = [Refusal(401, "Incorrect API key provided")]
    with pytest.raises(DeniedError, match="check the API key"):
        await embed(server, ["a"], api_key="wrong")


async def test_a_server_that_is_away_is_a_transient_error():
    with pytest.raises(TransientError, match="reachable"):
        await embed(OpenAIServer(url="http://127.0.0.1:1/v1"), ["a"])


async def test_a_server_that_never_answers_is_a_transient_error():
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    listener = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with listener:
        url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1"
        with pytest.raises(TransientError):
            await embed(OpenAIServer(url=url), ["a"], timeout=0.2)


async def test_vectors_of_another_length_than_asked_for_are_refused(server: OpenAIServer):
    embedder = await asyncio.to_thread(OpenAIEmbedder.connect, Endpoint("m", base_url=server.url))
    server.dimension = DIMENSION + 1
    with pytest.raises(PermanentError, match="13 numbers, not 12"):
        await embedder.embed(["a"])
    await embedder.close()


async def test_the_key_is_sent_where_there_is_one_and_nothing_where_there_is_none(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OPENAI_API_KEY", "from-the-environment")
    await embed(server, ["a"])
    await embed(server, ["a"], api_key="secret")
    assert "Authorization" not in server.headers[0]
    assert server.headers[1]["Authorization"] == "Bearer secret"


async def test_an_unknown_model_is_asked_for_its_dimension(server: OpenAIServer):
    embedder = await asyncio.to_thread(load_embedder, "openai", "some-model", base_url=server.url)
    assert embedder.model.dimension == DIMENSION
    assert (await embedder.embed(["a"])).vectors.shape == (1, DIMENSION)
    assert "dimensions" not in server.requests[-1]
    await embedder.close()


async def test_fewer_dimensions_are_asked_for_and_are_another_model(server: OpenAIServer):
    short = OpenAIEmbedder.connect(Endpoint("text-embedding-3-small", base_url=server.url, dimensions=8))
    full = OpenAIEmbedder.connect(Endpoint("text-embedding-3-small", base_url=server.url))
    assert np.allclose((await short.embed(["a"])).vectors, [unit("a", 8)], atol=1e-6)
    assert server.requests[-1]["dimensions"] == 8
    assert full.model.dimension == 1536
    assert short.model.fingerprint != full.model.fingerprint
    await short.close()
    await full.close()


async def test_the_price_of_known_models_is_known_and_can_be_set(server: OpenAIServer):
    known = OpenAIEmbedder.connect(Endpoint("text-embedding-3-large", base_url=server.url))
    assert known.model.usd_per_million_tokens == 0.13
    own = OpenAIEmbedder.connect(Endpoint("m", base_url=server.url, dimensions=8, usd_per_million_tokens=0.5))
    assert own.model.usd_per_million_tokens == 0.5


async def test_a_server_that_does_not_count_tokens_has_them_estimated(server: OpenAIServer):
    server.usage = False
    assert (await embed(server, ["a rat"])).tokens >= tokens("a rat")
