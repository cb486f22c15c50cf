"""The wire: keys, limits, and how errors look."""

import asyncio
import json
from collections.abc import AsyncIterator
from io import BytesIO

import aiohttp
import pytest

from tests.contract.qdrant_server.conftest import SERVER

MIB = 1024 * 1024


@pytest.fixture
async def http(qdrant_url: str, qdrant_key: str | None) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(qdrant_url, headers={"api-key": qdrant_key or ""}) as session:
        yield session


@pytest.mark.parametrize("headers", [{}, {"api-key": "wrong"}, {"Authorization": "Bearer wrong"}], ids=str)
async def test_without_the_key_the_answer_is_401_in_plain_text(
    qdrant_url: str, qdrant_key: str | None, headers: dict[str, str]
):
    if qdrant_key is None:
        pytest.skip("this server has no key")
    async with aiohttp.ClientSession(qdrant_url) as session, session.get("/collections", headers=headers) as answer:
        expected = "Invalid API key or JWT" if headers else "Must provide an API key or an Authorization bearer token"
        assert (answer.status, await answer.text()) == (401, expected)
        assert answer.content_type == "text/plain"


async def test_a_bearer_token_is_as_good_as_the_header(qdrant_url: str, qdrant_key: str | None):
    headers = {"Authorization": f"Bearer {qdrant_key}"}
    async with aiohttp.ClientSession(qdrant_url) as session, session.get("/collections", headers=headers) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/livez"])
async def test_health_needs_no_key(qdrant_url: str, path: str):
    async with aiohttp.ClientSession(qdrant_url) as session, session.get(path) as answer:
        assert answer.status == 200


async def test_answers_come_in_an_envelope(http: aiohttp.ClientSession, collection: str):
    async with http.post(f"/collections/{collection}/points/count", json={}) as answer:
        body = await answer.json()
    assert (body["result"], body["status"], answer.status) == ({"count": 0}, "ok", 200)
    assert isinstance(body["time"], float)


async def test_errors_come_in_an_envelope(http: aiohttp.ClientSession):
    async with http.get("/collections/missing") as answer:
        body = await answer.json()
    assert answer.status == 404
    assert body["status"] == {"error": "Not found: Collection `missing` doesn't exist!"}


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b"{}", b'{"points": [{"id": "no-uuid", "vector": {}}]}', b'{"points": [{"id": -1, "vector": {}}]}'],
    ids=["broken", "other shape", "missing field", "bad text id", "negative id"],
)
async def test_a_body_that_cannot_be_read_is_a_format_error(http: aiohttp.ClientSession, collection: str, body: bytes):
    headers = {"content-type": "application/json"}
    async with http.put(f"/collections/{collection}/points?wait=true", data=body, headers=headers) as answer:
        assert answer.status == 400
        assert (await answer.json())["status"]["error"].startswith("Format error in JSON body: ")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("points", {"ids": ["no-uuid"]}),
        ("points/scroll", {"offset": "no-uuid"}),
        ("points/delete", {"points": ["no-uuid"]}),
        ("points/payload", {"payload": {}, "points": ["no-uuid"]}),
        ("points/count", {"filter": {"must": [{"has_id": ["no-uuid"]}]}}),
        ("points/query", {"query": [1.0, 0.0, 0.0, 0.0], "using": "dense", "offset": -1}),
    ],
    ids=["retrieve", "scroll", "delete", "set payload", "filter", "negative offset"],
)
async def test_ids_and_numbers_out_of_range_are_format_errors(
    http: aiohttp.ClientSession, collection: str, path: str, body: dict[str, object]
):
    async with http.post(f"/collections/{collection}/{path}", json=body) as answer:
        assert answer.status == 400
        assert (await answer.json())["status"]["error"].startswith("Format error in JSON body: ")


async def test_a_limit_of_zero_is_a_validation_error(http: aiohttp.ClientSession, collection: str):
    query = {"query": [1.0, 0.0, 0.0, 0.0], "using": "dense", "limit": 0}
    for path, body in (("query", query), ("scroll", {"limit": 0}), ("query/batch", {"searches": [query]})):
        async with http.post(f"/collections/{collection}/points/{path}", json=body) as answer:
            assert answer.status == 422
            assert (await answer.json())["status"]["error"].startswith("Validation error in JSON body: ")


async def test_a_collection_name_with_a_slash_is_a_validation_error(http: aiohttp.ClientSession):
    vectors = {"vectors": {"dense": {"size": 4, "distance": "Cosine"}}}
    async with http.put("/collections/a%2Fb", json=vectors) as answer:
        assert answer.status == 422
        assert (await answer.json())["status"]["error"].startswith("Validation error in path parameters: ")


async def test_a_body_over_the_limit_is_refused(http: aiohttp.ClientSession, collection: str):
    body = json.dumps({"points": [{"id": 1, "vector": {}, "payload": {"text": "x" * 33 * MIB}}]}).encode()
    headers = {"content-type": "application/json"}
    async with http.put(f"/collections/{collection}/points?wait=true", data=BytesIO(body), headers=headers) as answer:
        assert answer.status == 400
        assert "is larger than allowed (limit: 33554432 bytes)" in await answer.text()


async def test_a_write_that_is_not_waited_for_is_acknowledged(http: aiohttp.ClientSession, collection: str):
    points = {"points": [{"id": 1, "vector": {}, "payload": {}}]}
    async with http.put(f"/collections/{collection}/points?wait=false", json=points) as answer:
        assert (await answer.json())["result"]["status"] == "acknowledged"


@pytest.mark.skipif(SERVER is not None, reason="a server ignores unknown fields")
async def test_an_unknown_field_is_refused_here_though_a_server_ignores_it(
    http: aiohttp.ClientSession, collection: str
):
    async with http.post(f"/collections/{collection}/points/count", json={"filtre": {}}) as answer:
        assert answer.status == 400
        assert "filtre" in (await answer.json())["status"]["error"]


async def test_requests_that_come_together_are_all_answered(http: aiohttp.ClientSession, collection: str):
    async def write(number: int) -> int:
        points = {"points": [{"id": number, "vector": {"dense": [1, 0, 0, 0]}, "payload": {}}]}
        async with http.put(f"/collections/{collection}/points?wait=true", json=points) as answer:
            return answer.status

    assert await asyncio.gather(*(write(number) for number in range(100))) == [200] * 100
    async with http.post(f"/collections/{collection}/points/count", json={}) as answer:
        assert (await answer.json())["result"] == {"count": 100}
