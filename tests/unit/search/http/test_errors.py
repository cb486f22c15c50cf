from __future__ import annotations

import asyncio
import zlib
from typing import Any

import pytest

from freshet.schemas.decoding import BadEvent, Reason
from freshet.schemas.errors import OverloadedError, PermanentError, TransientError
from tests.unit.search.http.world import Answer, World

JSON = {"Content-Type": "application/json"}
LANG = {"key": "metadata.lang", "match": {"value": "en"}}
LINES = {"Content-Type": "application/x-ndjson"}


def assert_problem(answer: Answer, status: int, type_: str) -> dict[str, Any]:
    """The one shape of every error."""
    assert answer.status == status, answer.body
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    problem = answer.json
    assert set(problem) - {"errors"} == {"type", "title", "status", "detail", "request_id"}
    assert (problem["type"], problem["status"]) == (f"/problems/{type_}", status)
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == answer.headers["X-Request-ID"]
    assert all(error["message"] and error["field"] for error in problem.get("errors", []))
    return dict(problem)


ROUTES = [
    ("POST", "/search", {"json": {"query": "cat"}}),
    ("GET", "/search?q=cat", {}),
    ("PUT", "/documents/a", {"json": {"text": "t"}}),
    ("DELETE", "/documents/a", {}),
    ("POST", "/documents", {"data": b'{"type":"delete","id":"a"}', "headers": LINES}),
    ("POST", "/feedback", {"json": {"query_id": "q1", "id": "a", "score": 1}}),
    ("GET", "/livez", {}),
    ("GET", "/readyz", {}),
    ("GET", "/health", {}),
]
WORKING = ROUTES[:6]  # those that need other parts to answer


@pytest.mark.parametrize(("method", "path", "given"), ROUTES)
async def test_every_route_refuses_another_method_and_says_which_it_takes(world, method, path, given):
    problem = await world.ask("PATCH", path)
    assert_problem(problem, 405, "method-not-allowed")
    assert method in problem.headers["Allow"].split(", ")


@pytest.mark.parametrize(("method", "path", "given"), ROUTES)
async def test_every_route_refuses_a_foreign_host_and_a_foreign_origin(world, method, path, given):
    headers = given.get("headers", {})
    rest = {name: value for name, value in given.items() if name != "headers"}
    host = await world.ask(method, path, headers={**headers, "Host": "evil.example"}, **rest)
    assert_problem(host, 421, "foreign-host")
    origin = await world.ask(method, path, headers={**headers, "Origin": "https://evil.example"}, **rest)
    assert_problem(origin, 403, "foreign-origin")
    assert world.publisher.log == []


@pytest.mark.parametrize(("method", "path", "given"), WORKING)
@pytest.mark.parametrize(
    ("failure", "answered"),
    [
        (TransientError("reach it", "secret"), (503, "unavailable", "1")),
        (OverloadedError("reach it", "secret", retry_after=6.2), (503, "unavailable", "7")),
        (PermanentError("reach it", "secret"), (502, "refused", None)),
        (RuntimeError("secret"), (500, "internal", None)),
    ],
)
async def test_every_route_tells_apart_how_others_fail_and_tells_no_secrets(  # noqa: PLR0917
    world, method, path, given, failure, answered
):
    world.reader.failure = world.publisher.failure = world.quality.failure = failure
    answer = await world.ask(method, path, **given)
    status, type_, retry = answered
    assert_problem(answer, status, type_)
    assert answer.headers.get("Retry-After") == retry
    assert b"secret" not in answer.body


@pytest.mark.parametrize(("method", "path", "given"), WORKING)
async def test_every_route_ends_at_the_deadline(method, path, given):
    world = World()

    async def never(*_: object, **__: object) -> Any:
        await asyncio.Event().wait()

    world.reader.nearest = world.publisher.publish = world.publisher.publish_many = never  # type: ignore[method-assign]
    world.quality.judge = never  # type: ignore[method-assign]
    async with world.serving(deadline_seconds=0.05):
        assert_problem(await world.ask(method, path, **given), 504, "deadline")


async def test_a_timeout_that_is_not_the_deadline_is_not_called_one(world):
    world.reader.failure = TimeoutError()
    assert_problem(await world.search("cat"), 500, "internal")


async def test_an_unknown_path_is_a_problem(world):
    assert_problem(await world.ask("GET", "/nothing"), 404, "not-found")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "query"),
        ({"query": ""}, "query"),
        ({"query": " \n\u200b\ufeff\x00"}, "query"),
        ({"query": 5}, "query"),
        ({"query": None}, "query"),
        ({"query": "a" * 8_001}, "query"),
        ({"query": "a", "limit": 0}, "limit"),
        ({"query": "a", "limit": 101}, "limit"),
        ({"query": "a", "limit": "5"}, "limit"),
        ({"query": "a", "limit": 5.5}, "limit"),
        ({"query": "a", "limit": True}, "limit"),
        ({"query": "a", "offset": -1}, "offset"),
        ({"query": "a", "offset": 100}, "offset"),
        ({"query": "a", "offset": 10**400}, "offset"),
        ({"query": "a", "tenant": "acme"}, "tenant"),
        ({"query": "a", "tenant": "A B"}, "tenant"),
        ({"query": "a", "mode": "lexical"}, "mode"),
        ({"query": "a", "explain": "yes"}, "explain"),
        ({"query": "a", "limt": 5}, "limt"),
        ({"query": "a", "filters": {"must": [LANG, {"key": "k", "range": {"lt": "x"}}]}}, "filters.must[1].range.lt"),
        ({"query": "a", "filters": {"should": [{"must": [{"is_null": {}}]}]}}, "filters.should[0].must[0].is_null.key"),
        ({"query": "a", "filters": {"must": [LANG] * 65}}, "filters"),
        ({"query": "a", "filters": "{}"}, "filters"),
        ({"query": "a", "facets": ["metadata.lang", 5]}, "facets[1]"),
        ({"query": "a", "facets": ["metadata.lang"] * 2}, "facets"),
        ({"query": "a", "facet_limit": 0}, "facet_limit"),
        ([], "body"),
        ("text", "body"),
    ],
)
async def test_a_wrong_search_is_refused_by_the_name_of_the_field(world, body, field):
    problem = assert_problem(await world.ask("POST", "/search", json=body), 422, "invalid-request")
    assert [error["field"] for error in problem["errors"]] == [field]
    assert world.embedder.asked == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "q"),
        ("q=", "q"),
        ("q=a&q=b", "q"),
        ("q=%00", "q"),
        ("query=a", "query"),
        ("q=a&limit=many", "limit"),
        ("q=a&limit=0", "limit"),
        ("q=a&offset=100", "offset"),
        ("q=a&limt=5", "limt"),
        ("q=a&explain=perhaps", "explain"),
        ("q=a&filters=%7B", "filters"),
        ("q=a&filters=" + "%5B" * 1_000, "filters"),
        ("q=a&filters=%7B%22must%22%3A%5B%7B%22key%22%3A5%7D%5D%7D", "filters.must[0].key"),
        ("q=a&facets=", "facets[0]"),
    ],
)
async def test_a_wrong_address_is_refused_by_the_name_of_the_parameter(world, query, field):
    problem = assert_problem(await world.ask("GET", f"/search?{query}"), 422, "invalid-request")
    assert [error["field"] for error in problem["errors"]] == [field]


async def test_all_mistakes_are_named_at_once_up_to_twenty(world):
    two = assert_problem(await world.search("a", limit=0, offset=-1), 422, "invalid-request")
    assert {error["field"] for error in two["errors"]} == {"limit", "offset"}
    many = await world.search("a", **{f"x{number}" * 1_000: 1 for number in range(100)})
    assert len(many.body) < 10_000
    assert len(assert_problem(many, 422, "invalid-request")["errors"]) == 20


@pytest.mark.parametrize(("method", "path"), [("POST", "/search"), ("PUT", "/documents/a")])
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe", b'{"query": "\\ud800"}', b"[" * 100_000, b'{"limit": ' + b"9" * 10_000 + b"}", b"{} {}"],
)
async def test_what_is_no_json_is_a_400(world, method, path, body):
    assert_problem(await world.ask(method, path, data=body, headers=JSON), 400, "invalid-json")


@pytest.mark.parametrize(("method", "path"), [("POST", "/search"), ("PUT", "/documents/a"), ("POST", "/documents")])
@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "nonsense", "image/png"],
)
async def test_what_a_form_of_another_page_can_send_is_a_415(world, method, path, content_type):
    answer = await world.ask(method, path, data=b'{"query":"a"}', headers={"Content-Type": content_type})
    assert_problem(answer, 415, "unsupported-media-type")


async def test_another_character_set_is_a_415(world):
    headers = {"Content-Type": "application/json; charset=latin-1"}
    answer = await world.ask("POST", "/search", data='{"query":"é"}'.encode("latin-1"), headers=headers)
    assert_problem(answer, 415, "unsupported-media-type")


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [("POST", "/search", JSON), ("PUT", "/documents/a", JSON), ("POST", "/documents", LINES)],
)
async def test_a_body_beyond_the_limit_is_a_413(method, path, headers):
    world = World()
    async with world.serving(max_body_bytes=1_000):
        answer = await world.ask(method, path, data=b" " * 1_001, headers=headers)
        assert_problem(answer, 413, "too-large")


@pytest.mark.parametrize(("path", "headers"), [("/search", JSON), ("/documents", LINES)])
async def test_a_small_body_that_unpacks_beyond_the_limit_is_a_413(path, headers):
    world = World()
    async with world.serving(max_body_bytes=10_000):
        packed = zlib.compress(b" " * 5_000_000)
        answer = await world.ask("POST", path, data=packed, headers={**headers, "Content-Encoding": "deflate"})
        assert_problem(answer, 413, "too-large")


@pytest.mark.parametrize(("path", "headers"), [("/search", JSON), ("/documents", LINES)])
async def test_a_body_that_is_not_packed_as_it_says_is_a_400(world, path, headers):
    answer = await world.ask("POST", path, data=b"not packed", headers={**headers, "Content-Encoding": "gzip"})
    assert_problem(answer, 400, "bad-request")


async def test_an_event_that_the_publisher_refuses_is_the_asker_s_mistake(world):
    world.publisher.failure = BadEvent(Reason.TOO_LARGE, "is too large", field="text")
    problem = assert_problem(await world.ask("PUT", "/documents/a", json={"text": "t"}), 422, "invalid-request")
    assert problem["errors"] == [{"field": "text", "message": "is too large"}]


async def test_an_unforeseen_failure_is_logged_under_the_request_id(world, caplog):
    world.reader.failure = RuntimeError("what went wrong")
    answer = await world.search("cat")
    record = next(record for record in caplog.records if record.message == "request failed")
    assert record.__dict__["request_id"] == answer.json["request_id"]
    assert "what went wrong" in str(record.exc_info)


async def test_a_request_id_is_handed_back_when_it_is_harmless_and_made_anew_otherwise(world):
    async def sent(given: str) -> str:
        answer = await world.ask("GET", "/livez", headers={"X-Request-ID": given})
        return str(answer.headers["X-Request-ID"])

    assert await sent("trace-1:a.b") == "trace-1:a.b"
    for bad in ("", "a b", "<script>", "x" * 129):
        assert await sent(bad) not in ("", bad)
    assert await sent("") != await sent("")


@pytest.mark.parametrize(("method", "path", "given"), [*ROUTES, ("GET", "/nothing", {})])
async def test_every_answer_tells_caches_and_browsers_to_keep_off(world, method, path, given):
    answer = await world.ask(method, path, **given)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "aiohttp" not in answer.headers["Server"].lower()
    assert "Access-Control-Allow-Origin" not in answer.headers
