"""Whatever is sent: an answer of ours, in the one shape, and never a failure of ours."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.search.http.test_errors import JSON, LINES, assert_problem
from tests.unit.search.http.world import Answer, World

FEW = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
search_names = st.sampled_from(["query", "limit", "offset", "tenant", "mode", "explain", "more"])
document_names = st.sampled_from(["text", "title", "metadata", "version", "occurred_at", "tenant", "id", "type"])


def objects(names: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
    """JSON of nearly right objects: right names, any values; NaN and lone surrogates too."""
    return st.dictionaries(names, values).map(lambda found: json.dumps(found).encode())


@pytest.fixture
async def world() -> Any:
    world = World()
    world.reader.put("cats", "the cat sat on a mat")
    async with world.serving(max_body_bytes=20_000):
        yield world


def assert_ours(answer: Answer, *good: int) -> None:
    if answer.status in good:
        assert answer.json is not None
        return
    assert 400 <= answer.status < 500, answer.body
    assert_problem(answer, answer.status, answer.json["type"].removeprefix("/problems/"))


@FEW
@given(body=st.binary(max_size=200) | objects(search_names))
async def test_any_search_body(world, body):
    assert_ours(await world.ask("POST", "/search", data=body, headers=JSON), 200)


@FEW
@given(query=st.text())
async def test_any_query_is_answered_or_refused_the_same_by_both_ways_of_asking(world, query):
    by_body = await world.ask("POST", "/search", data=json.dumps({"query": query}).encode(), headers=JSON)
    by_address = await world.ask("GET", f"/search?q={quote(query, safe='')}")
    assert_ours(by_body, 200)
    assert by_body.status == by_address.status


@FEW
@given(
    names=st.lists(st.sampled_from(["q", "limit", "offset", "tenant", "mode", "explain", "%FF", "x"]), max_size=4),
    value=st.binary(max_size=10),
)
async def test_any_address(world, names, value):
    query = "&".join(f"{name}={quote(value)}" for name in names)
    assert_ours(await world.ask("GET", f"/search?{query}"), 200)


@FEW
@given(body=st.binary(max_size=200) | objects(document_names), document_id=st.binary(min_size=1, max_size=20))
async def test_any_document(world, body, document_id):
    path = f"/documents/{quote(document_id, safe='')}"
    assert_ours(await world.ask("PUT", path, data=body, headers=JSON), 202)


@FEW
@given(lines=st.lists(st.binary(max_size=60) | objects(document_names), max_size=8))
async def test_any_lines(world, lines):
    assert_ours(await world.ask("POST", "/documents", data=b"\n".join(lines), headers=LINES), 202)


@FEW
@given(
    name=st.sampled_from(["Origin", "Content-Type", "Content-Encoding", "X-Request-ID", "Host", "Accept"]),
    value=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40),
)
async def test_any_header(world, name, value):
    headers = {**JSON, name: value}
    answer = await world.ask("POST", "/search", data=b'{"query": "cat"}', headers=headers)
    assert_ours(answer, 200)
