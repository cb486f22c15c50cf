"""What a server tells of the disk, in whatever form, or not at all."""

from typing import Any

import httpx
import pytest

from freshet.search.index.qdrant.client import connect
from freshet.search.index.qdrant.sizes import disk_sizes


def segment(**told: int) -> dict[str, Any]:
    return {"info": told}


def collection(name: str, *shards: dict[str, Any]) -> dict[str, Any]:
    return {"id": name, "shards": list(shards)}


def telemetry(*collections: dict[str, Any]) -> dict[str, Any]:
    return {"result": {"collections": {"number_of_collections": len(collections), "collections": list(collections)}}}


async def sizes(answer: httpx.Response) -> dict[str, int]:
    client = connect("http://127.0.0.1:1", api_key="key")
    asked: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return answer

    client.http.client._async_client._transport = httpx.MockTransport(respond)
    client.http.client._async_client._mounts = {}
    try:
        return await disk_sizes(client)
    finally:
        await client.close()
        assert [each.url.path for each in asked] == ["/telemetry"]


async def test_segments_of_all_shards_are_added_up():
    one = {"local": {"segments": [segment(disk_usage_bytes=5), segment(disk_usage_bytes=6)]}}
    remote: dict[str, object] = {"local": None, "remote": []}
    assert await sizes(httpx.Response(200, json=telemetry(collection("a", one, one, remote)))) == {"a": 22}


async def test_a_server_that_leaves_the_figure_at_0_tells_what_the_data_take():
    data = segment(disk_usage_bytes=0, vectors_size_bytes=7, payloads_size_bytes=8)
    answer = telemetry(collection("a", {"local": {"segments": [data]}}), collection("b", {"local": {}}))
    assert await sizes(httpx.Response(200, json=answer)) == {"a": 15}


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(403, json={"status": {"error": "Forbidden"}}),
        httpx.Response(404, text="no such page"),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json={"result": {"collections": {}}}),
        httpx.Response(200, json={"result": {"collections": {"collections": None}}}),
        httpx.Response(200, json=[]),
        httpx.Response(200, json=telemetry(collection("a", {"local": {"segments": [{}]}}))),
    ],
)
async def test_who_does_not_tell_is_no_error(answer: httpx.Response):
    assert await sizes(answer) == {}
