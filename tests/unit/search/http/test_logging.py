"""What is logged of requests: each line under its id, and of queries nothing, unless a setting says so."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from freshet.logs import LineFormatter
from freshet.schemas.errors import PermanentError, TransientError
from freshet.search.http.edge import edge
from freshet.search.http.logs import REQUEST_ID, speakable
from tests.support.waiting import wait_until
from tests.unit.search.http.world import Answer, World

QUERY = "Confidential: naïve Überraschung at St. Mary's"
SPOKEN = ("confid", "naïve", "na\\u00ef", "na%c3", "überr", "rraschung", "mary")
JSON = {"Content-Type": "application/json"}
LOGGER = "freshet.search.http.edge"


def lines(caplog: pytest.LogCaptureFixture) -> str:
    """The log, as a process would write it."""
    formatter = LineFormatter()
    return "\n".join(formatter.format(record) for record in caplog.records)


def requests(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [record.__dict__ for record in caplog.records if record.name == LOGGER]


def assert_unspoken(text: str) -> None:
    assert [word for word in SPOKEN if word in text.lower()] == []


async def ask_both_ways(world: World) -> list[Answer]:
    return [await world.search(QUERY), await world.ask("GET", f"/search?q={quote(QUERY)}")]


@pytest.fixture(autouse=True)
def everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


@pytest.mark.parametrize("kind", [TransientError, PermanentError, RuntimeError, KeyError, ExceptionGroup])
async def test_no_failure_tells_what_was_asked(world, caplog, kind):
    said = f'cannot embed {{"input": ["{QUERY}"]}}, nor {QUERY!a}, nor {QUERY[:9]}… of it'
    if kind is ExceptionGroup:
        error: Exception = ExceptionGroup(said, [ValueError(QUERY)])
    elif issubclass(kind, (TransientError, PermanentError)):
        error = kind("embed", said, hint=QUERY)
    else:
        error = kind(said)
    error.__cause__ = ValueError(QUERY)
    error.__cause__.__context__ = KeyError(QUERY)
    world.embedder.failure = error
    for answer in await ask_both_ways(world):
        assert answer.status in {500, 502, 503}
        assert_unspoken(answer.body.decode())
    assert_unspoken(lines(caplog))


async def test_what_the_model_says_beside_the_query_is_still_there_with_causes_and_places(world, caplog):
    world.embedder.failure = PermanentError("embed", f"status 400: {QUERY} has too many tokens", hint="ask for less")
    world.embedder.failure.__cause__ = ConnectionError("reset by peer")
    await world.search(QUERY)
    log = lines(caplog)
    for told in ("PermanentError", "status 400", "too many tokens", "ConnectionError: reset by peer", "world.py"):
        assert told in log


@pytest.mark.parametrize(
    "body",
    [
        {"query": QUERY, "limit": 0},
        {"query": QUERY, "mode": QUERY},
        {"query": [QUERY]},
        {"query": QUERY * 1_000},
        {"query": QUERY, "tenant": QUERY},
        {"query": QUERY, "offset": 100},
    ],
)
async def test_no_refusal_tells_what_was_asked(world, caplog, body):
    answer = await world.ask("POST", "/search", json=body)
    assert answer.status == 422
    assert_unspoken(answer.body.decode() + lines(caplog))


async def test_no_late_and_no_cut_off_answer_tells_what_was_asked(caplog):
    async def never(*_: object, **__: object) -> Any:
        await asyncio.Event().wait()

    world = World()
    world.reader.nearest = never  # type: ignore[method-assign]
    async with world.serving(deadline_seconds=0.05, log_requests=True):
        for answer in await ask_both_ways(world):
            assert answer.status == 504
            assert_unspoken(answer.body.decode())
    assert [each["status"] for each in requests(caplog)] == [504, 504]
    assert_unspoken(lines(caplog))


@pytest.mark.parametrize(
    "request_text",
    [
        "GET /search?q=Confidential%20naïve HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        "GET /search?q=Confidential Mary HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        f"GET /search?q={'Confidential' * 2_000} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        "GET /search?q=Confidential HTTP/1.1\r\nConfidential Mary\r\n\r\n",
        "Confidential Mary\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_not_quoted_in_the_log(world, caplog, request_text):
    reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
    writer.write(request_text.encode())
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n"), 10)
    writer.close()
    assert answer.startswith(b"HTTP/1.")
    assert_unspoken(lines(caplog))


@pytest.mark.parametrize("given", [{}, {"log_requests": True}])
async def test_an_answered_search_tells_nothing_of_its_query(caplog, given):
    world = World()
    async with world.serving(**given):
        assert {answer.status for answer in await ask_both_ways(world)} == {200}
    assert len(requests(caplog)) == (2 if given else 0)
    assert_unspoken(lines(caplog))


async def test_each_request_has_a_line_with_its_route_status_and_id_where_that_is_set(caplog):
    world = World()
    async with world.serving(log_requests=True):
        await world.search("cat")
        await world.ask("DELETE", "/documents/secret-id", headers={"X-Request-ID": "trace-1"})
        await world.ask("GET", "/nothing?secret-id")
    told = [(each["method"], each["route"], each["status"]) for each in requests(caplog)]
    assert told == [("POST", "/search", 200), ("DELETE", "/documents/{id}", 202), ("GET", "none", 404)]
    assert all(each["ms"] > 0 for each in requests(caplog))
    assert "secret-id" not in lines(caplog)


async def test_a_request_that_nobody_waits_for_has_a_line_too(caplog):
    world, started = World(), asyncio.Event()

    async def embed(*_: Any, **__: Any) -> Any:
        started.set()
        await asyncio.Event().wait()

    world.embedder.embed = embed  # type: ignore[method-assign]
    async with world.serving(log_requests=True):
        asked = asyncio.create_task(world.search("cat"))
        await started.wait()
        asked.cancel()
        await wait_until(lambda: [each["status"] for each in requests(caplog)] == ["cancelled"], "the line is there")


async def test_where_queries_are_logged_each_search_has_a_line_with_its_query_normalised(caplog):
    world = World()
    async with world.serving(log_queries=True):
        await world.search("  cat\x00 \n mat ")
        await world.ask("GET", "/livez")
        await world.search("x" * 8_001)
    assert [each["query"] for each in requests(caplog)] == ["cat mat", "x" * 8_000]


async def test_where_queries_are_logged_errors_are_told_as_they_are(caplog):
    world = World()
    world.embedder.failure = PermanentError("embed", f"cannot embed {QUERY}")
    async with world.serving(log_queries=True):
        await world.search(QUERY)
    assert f"cannot embed {QUERY}" in lines(caplog)


@pytest.fixture
async def heard(world) -> AsyncIterator[list[str]]:
    """What a handler on the root of the log writes, while the model warns of something in each search."""
    written: list[str] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written.append(self.format(record))

    embed, handler = world.embedder.embed, Keeping()

    async def warn(*texts: Any, **given: Any) -> Any:
        logging.getLogger("model").warning("it is hot in here")
        return await embed(*texts, **given)

    world.embedder.embed = warn
    handler.setFormatter(LineFormatter())
    logging.getLogger().addHandler(handler)
    yield written
    logging.getLogger().removeHandler(handler)


async def test_whatever_is_logged_while_a_request_is_answered_carries_its_id(world, heard):
    await asyncio.gather(*(world.ask("GET", f"/search?q={n}", headers={"X-Request-ID": f"id-{n}"}) for n in range(3)))
    warnings = [line for line in heard if "it is hot" in line]
    assert sorted(line.rpartition("request_id=")[2] for line in warnings) == ["id-0", "id-1", "id-2"]


async def test_what_is_logged_after_an_answer_does_not_carry_the_id_of_its_request():
    async def handler(_: web.Request) -> web.Response:
        assert REQUEST_ID.get() == "id-1"
        return web.Response()

    request = make_mocked_request("GET", "/", headers={"X-Request-ID": "id-1"})
    assert (await edge(deadline_seconds=10)(request, handler)).status == 200
    assert REQUEST_ID.get() is None


@given(
    st.text(max_size=60) | st.text("ab é中\\\"'%\n", max_size=30),
    st.sampled_from([str, repr, ascii, "{}…".format, '{{"input": "{}"}}'.format]),
)
def test_no_word_of_a_query_is_in_an_error_that_may_be_logged(query, quoted):
    words = {word for word in query.split() if word.isalnum()}
    told = str(speakable(ValueError(f"7: {quoted(query)} :7"), query))
    assert told.startswith("7") or "7" in query
    assert {word for word in words if f" {word} " in f" {told} "} == set()


def test_an_error_that_cannot_quote_a_query_stays_as_it_is():
    error = RuntimeError("broken")
    assert speakable(error, "") is error
    told = speakable(error, "cat")
    assert (type(told).__qualname__, str(told)) == ("RuntimeError", "broken")
