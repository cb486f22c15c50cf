from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import ClientSession

from freshet.schemas.decoding import Rules
from freshet.schemas.events import Delete, Upsert
from freshet.schemas.positions import FreshnessToken, Order
from tests.unit.search.http.test_errors import LINES, assert_problem
from tests.unit.search.http.world import Answer, World


async def post_lines(world: World, *lines: Any) -> Answer:
    data = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    return await world.ask("POST", "/documents", data=data, headers=LINES)


async def test_a_document_put_is_published_whole_and_its_place_in_the_log_is_answered(world):
    body = {
        "title": "T",
        "text": "text",
        "metadata": {"lang": "en", "deep": [1, None]},
        "version": 4,
        "occurred_at": "2026-11-20T12:00:00Z",
    }
    answer = await world.ask("PUT", "/documents/kb-17", json=body)
    assert (answer.status, answer.json) == (202, {"token": "documents/0@0"})
    when = datetime(2026, 11, 20, 12, tzinfo=UTC)
    metadata = {"lang": "en", "deep": [1, None]}
    assert world.publisher.log == [
        Upsert(id="kb-17", title="T", text="text", metadata=metadata, version=4, occurred_at=when)
    ]


async def test_a_delete_is_published(world):
    answer = await world.ask("DELETE", "/documents/kb-17?version=5")
    assert (answer.status, answer.json) == (202, {"token": "documents/0@0"})
    assert world.publisher.log == [Delete(id="kb-17", version=5)]


@pytest.mark.parametrize(
    ("path", "document_id"),
    [
        ("a%2Fb", "a/b"),
        ("a/b", "a/b"),
        ("a%252Fb", "a%2Fb"),
        ("100%25", "100%"),
        ("%7Bx%7D", "{x}"),
        ("a%3Fb%23c", "a?b#c"),
        ("%C3%BC%20%F0%9F%90%88", "ü 🐈"),
        ("a+b", "a+b"),
        ("a/../b", "a/../b"),
    ],
)
async def test_any_id_can_stand_in_the_path(world, path, document_id):
    assert (await world.ask("PUT", f"/documents/{path}", json={"text": "t"})).status == 202
    assert (await world.ask("DELETE", f"/documents/{path}")).status == 202
    assert [event.id for event in world.publisher.log] == [document_id, document_id]


@pytest.mark.parametrize("path", ["a%00b", "a%0Ab", "a" * 513, "a%FFb", "%ED%A0%80"])
async def test_an_id_that_the_contract_refuses_is_named(world, path):
    problem = assert_problem(await world.ask("PUT", f"/documents/{path}", json={"text": "t"}), 422, "invalid-request")
    assert problem["errors"][0]["field"] == "id"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "text"),
        ({"text": None}, "text"),
        ({"text": "t", "id": "other"}, "id"),
        ({"text": "t", "titel": "T"}, "titel"),
        ({"text": "t", "title": "T" * 2_001}, "title"),
        ({"text": "t", "metadata": [1]}, "metadata"),
        ({"text": "t", "metadata": {"n": 2**64}}, "metadata"),
        ({"text": "t", "version": -1}, "version"),
        ({"text": "t", "version": "1"}, "version"),
        ({"text": "t", "occurred_at": "yesterday"}, "occurred_at"),
        ({"text": "t", "occurred_at": "2026-11-20T12:00:00"}, "occurred_at"),
        ({"text": "t", "tenant": "acme"}, "tenant"),
        ({"text": "t" * 1_000_000}, "body"),
    ],
)
async def test_a_document_that_would_be_a_dead_letter_is_refused_by_the_field(world, body, field):
    problem = assert_problem(await world.ask("PUT", "/documents/a", json=body), 422, "invalid-request")
    assert problem["errors"][0]["field"] == field
    assert world.publisher.log == []


@pytest.mark.parametrize("query", ["version=x", "version=-1", "versoin=1", "version=1&version=2", "tenant=a%20b"])
async def test_a_delete_with_wrong_parameters_is_refused(world, query):
    assert_problem(await world.ask("DELETE", f"/documents/a?{query}"), 422, "invalid-request")
    assert world.publisher.log == []


async def test_where_versions_order_the_topic_an_event_without_one_is_refused():
    world = World()
    async with world.serving(rules=Rules(order=Order.VERSION)):
        for method, given in (("PUT", {"json": {"text": "t"}}), ("DELETE", {})):
            problem = assert_problem(await world.ask(method, "/documents/a", **given), 422, "invalid-request")
            assert problem["errors"][0]["field"] == "version"
        assert (await world.ask("PUT", "/documents/a", json={"text": "t", "version": 0})).status == 202


async def test_where_tenants_are_on_each_way_of_publishing_names_its_own():
    world = World(tenants=True)
    async with world.serving():
        assert_problem(await world.ask("PUT", "/documents/a", json={"text": "t"}), 422, "invalid-request")
        await world.ask("PUT", "/documents/a", json={"text": "t", "tenant": "acme"})
        await world.ask("DELETE", "/documents/a?tenant=acme")
        await post_lines(world, {"type": "delete", "id": "a", "tenant": "acme"})
    assert [event.tenant for event in world.publisher.log] == ["acme"] * 3


async def test_many_events_are_published_in_their_order(world):
    answer = await post_lines(
        world,
        {"type": "upsert", "id": "a", "text": "one\ntwo"},
        b"",
        {"type": "delete", "id": "b"},
        {"type": "upsert", "id": "a", "text": "three"},
        b"  \r",
    )
    assert answer.status == 202
    assert answer.json == {"accepted": 3, "upserts": 2, "deletes": 1, "tokens": ["documents/0@2"]}
    assert world.publisher.log == [Upsert(id="a", text="one\ntwo"), Delete(id="b"), Upsert(id="a", text="three")]


async def test_the_tokens_of_many_events_are_the_highest_of_each_partition(world):
    places = [(1, 7), (0, 10), (1, 12), (0, 9)]

    async def scattered(events: Any) -> list[FreshnessToken]:
        return [FreshnessToken("documents", partition, offset) for partition, offset in places]

    world.publisher.publish_many = scattered
    answer = await post_lines(world, *({"type": "delete", "id": str(number)} for number in range(4)))
    assert answer.json["tokens"] == ["documents/0@10", "documents/1@12"]


async def test_one_bad_line_keeps_all_from_being_published_and_is_named_by_its_number(world):
    answer = await post_lines(
        world,
        {"type": "upsert", "id": "a", "text": "good"},
        b"",
        {"type": "upsert", "id": "b"},
        b"{broken",
        {"type": "replace", "id": "c"},
    )
    problem = assert_problem(answer, 422, "invalid-request")
    assert [(error["line"], error["field"]) for error in problem["errors"]] == [(3, "text"), (4, "body"), (5, "type")]
    assert problem["detail"].startswith("3 of 4 events")
    assert world.publisher.log == []


async def test_at_most_twenty_bad_lines_are_listed_and_all_are_counted(world):
    problem = assert_problem(await post_lines(world, *[b"bad"] * 50), 422, "invalid-request")
    assert [error["line"] for error in problem["errors"]] == list(range(1, 21))
    assert problem["detail"].startswith("50 of 50 events")


@pytest.mark.parametrize("body", [b"", b"\n\n \n"])
async def test_a_body_without_events_is_refused(world, body):
    assert_problem(await world.ask("POST", "/documents", data=body, headers=LINES), 422, "invalid-request")


async def test_more_events_than_one_request_takes_are_refused(world):
    line = b'{"type":"delete","id":"a"}'
    assert (await post_lines(world, *[line] * 10_000)).json["accepted"] == 10_000
    world.publisher.log.clear()
    assert_problem(await post_lines(world, *[line] * 10_001), 413, "too-large")
    assert world.publisher.log == []


async def test_a_body_that_comes_in_pieces_is_cut_at_its_lines_all_the_same(world):
    async def pieces() -> Any:
        for byte in '{"type":"delete","id":"ü"}\n{"type":"delete","id":"b"}'.encode():
            yield bytes([byte])

    async with ClientSession() as session:
        url = f"http://127.0.0.1:{world.port}/documents"
        async with session.post(url, data=pieces(), headers=LINES) as response:
            assert response.status == 202
    assert [event.id for event in world.publisher.log] == ["ü", "b"]


async def test_without_kafka_the_service_searches_and_says_that_it_cannot_publish():
    world = World()
    world.reader.put("a", "cat")
    async with world.serving(publishes=False):
        assert (await world.search("cat")).status == 200
        for answer in (
            await world.ask("PUT", "/documents/a", json={"text": "t"}),
            await world.ask("DELETE", "/documents/a"),
            await post_lines(world, {"type": "delete", "id": "a"}),
        ):
            assert_problem(answer, 503, "unavailable")
            assert answer.headers["Retry-After"] == "60"
