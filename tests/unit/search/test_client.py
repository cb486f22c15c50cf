"""The client, against the service itself on documents in memory, and against what may stand between the two."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freshet.local.processes import free_port
from freshet.schemas.errors import DeniedError, OverloadedError, PermanentError, SettingsError, TransientError
from freshet.schemas.events import Delete, Upsert
from freshet.schemas.fields import Kind
from freshet.schemas.filters import Filter
from freshet.schemas.http import DeleteParameters, DocumentBody, SearchRequest
from freshet.search.client import DeleteOptions, DocumentOptions, SearchClient, SearchOptions
from freshet.search.http.serving import serve
from tests.unit.search.http.world import World, waiting
from tools.reference.operations import service_operations


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    world.reader.put("cats", "the cat sat on a mat", title="Cats", lang="en")
    world.reader.put("dogs", "a dog barked loudly", title="Dogs")
    async with world.serving():
        yield world


@pytest.fixture
async def client(world: World) -> AsyncIterator[SearchClient]:
    async with SearchClient(f"http://127.0.0.1:{world.port}/") as client:
        yield client


class Waits:
    """A clock that only counts."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


Told = tuple[int, str, str, dict[str, str]]


class Stand:
    """A server that answers as it is told, and remembers what it was asked."""

    def __init__(self, *answers: Told) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, dict[str, str]]] = []

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked.append((request.method, request.path_qs, dict(request.headers)))
        status, media, text, headers = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return web.Response(status=status, text=text, content_type=media, headers=headers)

    @asynccontextmanager
    async def asked_by(self, **options: Any) -> AsyncIterator[SearchClient]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        async with (
            serve(app, host="127.0.0.1", port=0) as port,
            SearchClient(f"http://127.0.0.1:{port}", **options) as client,
        ):
            yield client


FACTS = """{"index": "i", "version": "v", "documents": 1, "newest_event_at": null, "changed_at": null, "more": {"a": 1},
    "now": "2026-11-20T12:00:00Z", "tenants": false, "order": "log", "publishing": true, "tenant": null,
    "fields": {"metadata.lang": "keyword"}, "reranking": true}"""


def away(seconds: str | None) -> Told:
    return 503, "text/html", "<h1>away</h1>", {"Retry-After": seconds} if seconds else {}


async def test_a_search_is_answered_as_the_service_answers_it(client):
    answer = await client.search("cat", limit=1, explain=True)
    [result] = answer.results
    assert (result.id, result.title, result.metadata) == ("cats", "Cats", {"lang": "en"})
    assert result.explanation
    assert answer.index.version == "documents__abc"


async def test_a_filter_may_be_given_as_json_or_as_its_model(client, world):
    world.reader.fields["lang"] = Kind.KEYWORD
    given = {"must": [{"key": "metadata.lang", "match": {"any": ["en", "de"]}}]}
    for filters in (given, Filter.model_validate(given)):
        answer = await client.search("cat", filters=filters, facets=["metadata.lang"])
        assert [result.id for result in answer.results] == ["cats"]
        assert [(each.value, each.count) for each in answer.facets["metadata.lang"]] == [("en", 1)]
        assert [result.id for result in (await client.search(filters=filters)).results] == ["cats"]


async def test_it_publishes_what_it_is_given(client, world):
    happened = datetime(2026, 11, 20, 12, tzinfo=UTC)
    published = await client.put(
        "a/b c",
        "The text.",
        title="T",
        metadata={"at": happened, "n": 1.5, "gone": None},
        version=7,
        occurred_at=happened,
    )
    assert published.token == "documents/0@0"
    await client.delete("a/b c", version=8)
    [put, ended] = world.publisher.log
    assert (put.id, put.text, put.title, put.version, put.occurred_at) == ("a/b c", "The text.", "T", 7, happened)
    assert put.metadata == {"at": "2026-11-20T12:00:00Z", "n": 1.5, "gone": None}
    assert (ended.id, ended.version) == ("a/b c", 8)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document_id=st.text(min_size=1, max_size=40))
async def test_every_id_arrives_as_it_is_or_is_refused_with_its_name(client, world, document_id):
    world.publisher.log.clear()
    refused = None
    try:
        await client.put(document_id, "t")
    except PermanentError as error:
        refused = str(error)
    assert (refused is not None) == bool(re.search("[\x00-\x1f\x7f\ud800-\udfff]", document_id))
    assert [each.id for each in world.publisher.log] == ([] if refused else [document_id])


@pytest.mark.parametrize("document_id", [".", "..", "../search", "a/../b", "%2F", "?q=1", "#", "a//b", " "])
async def test_an_id_that_looks_like_a_way_through_folders_is_an_id(client, world, document_id):
    await client.put(document_id, "t")
    assert [each.id for each in world.publisher.log] == [document_id]


async def test_many_events_go_in_one_request(client, world):
    answer = await client.publish_many([Upsert(id="a", text="x\ny"), Delete(id="b", version=3)])
    assert (answer.accepted, answer.upserts, answer.deletes) == (2, 1, 1)
    assert world.publisher.log == [Upsert(id="a", text="x\ny"), Delete(id="b", version=3)]


async def test_the_index_tells_its_facts_and_waits_for_changes(client):
    facts = await client.index()
    assert (facts.index, facts.documents) == ("documents", 2)
    assert (await client.index(after=facts.changed_at, wait_ms=1)).changed_at == facts.changed_at


async def test_it_asks_where_a_document_is_and_for_its_texts(client, world):
    world.log.facts["../a?"] = waiting("../a?")
    assert (await client.explain("../a?")).newer.outcome == "waiting"
    assert (await client.explain("cats")).indexed.texts is None
    assert (await client.explain("cats", passages=True)).indexed.texts == ["the cat sat on a mat"]
    with pytest.raises(PermanentError, match="explain a document") as unknown:
        await client.explain("nobody")
    assert unknown.value.problem is not None
    assert unknown.value.problem.type == "/problems/not-found"
    with pytest.raises(PermanentError, match="tenants are off"):
        await client.explain("cats", tenant="acme")


async def test_tokens_go_with_a_search_and_with_a_question_for_a_document(client):
    """This service follows no feed, so it says of each token that it may not show it."""
    tokens = ["documents/0@1", "documents/1@2"]
    for given_, told in ((tokens[0], tokens[:1]), (tokens, tokens)):
        assert (await client.search("cat", fresh_after=given_, wait_ms=0)).pending == told
        assert (await client.explain("cats", fresh_after=given_, wait_ms=0)).pending == told
    with pytest.raises(PermanentError, match="fresh_after"):
        await client.search("cat", fresh_after="others")


async def test_a_service_that_is_not_well_is_an_answer(client, world):
    assert (await client.health()).status == "healthy"
    world.versions.name = None
    health = await client.health()
    assert (health.status, health.checks["index"].ok) == ("unhealthy", False)


async def test_a_refusal_carries_the_problem_with_the_field_at_fault(client):
    with pytest.raises(PermanentError, match="limit: Input should be less") as caught:
        await client.search("cat", limit=1_000)
    problem = caught.value.problem
    assert problem is not None
    assert (problem.type, problem.status) == ("/problems/invalid-request", 422)
    assert [error.field for error in problem.errors] == ["limit"]
    with pytest.raises(PermanentError, match=r"limit: .*; offset: "):
        await client.search("cat", limit=0, offset=-1)


async def test_what_failed_there_may_be_tried_again_and_what_was_refused_there_may_not(client, world):
    world.reader.failure = RuntimeError("broken")
    with pytest.raises(TransientError) as caught:
        await client.search("cat")
    assert caught.value.problem is not None
    assert caught.value.problem.type == "/problems/internal"
    world.reader.failure = PermanentError("search", "wrong dimension")
    with pytest.raises(PermanentError) as refused:
        await client.search("cat")
    assert refused.value.problem is not None
    assert refused.value.problem.type == "/problems/refused"


@pytest.mark.parametrize("call", ["search", "index", "put", "delete"])
async def test_what_does_no_harm_twice_is_asked_again_as_the_service_wants_it(call):
    waits = Waits()
    stand = Stand(away("2"), away(None), (200, "application/json", "{}", {}))
    async with stand.asked_by(sleep=waits) as client:
        arguments = {"search": ["a"], "index": [], "put": ["a", "t"], "delete": ["a"]}[call]
        with pytest.raises(PermanentError, match="the answer is no"):
            await getattr(client, call)(*arguments)
    assert waits.seconds == [2, 1]
    assert len(stand.asked) == 3


async def test_its_patience_has_an_end_and_what_the_service_asks_for_beyond_it_is_told_at_once():
    waits = Waits()
    async with Stand(away("4")).asked_by(sleep=waits, retry_seconds=10) as client:
        with pytest.raises(OverloadedError, match="503") as caught:
            await client.search("a")
        assert caught.value.retry_after == 4
    assert waits.seconds == [4, 4]
    async with Stand(away("3600")).asked_by(sleep=waits) as client:
        with pytest.raises(OverloadedError):
            await client.search("a")
    assert len(waits.seconds) == 2


@pytest.mark.parametrize("given_header", ["0", "-5", "nonsense", "inf", "-nan", "Wed, 21 Oct 2026 07:28:00 GMT"])
async def test_whatever_retry_after_says_it_does_not_ask_without_end(given_header):
    waits = Waits()
    stand = Stand(away(given_header))
    async with stand.asked_by(sleep=waits, retry_seconds=5) as client:
        with pytest.raises(OverloadedError):
            await client.search("a")
    assert 1 <= len(waits.seconds) <= 50
    assert sum(waits.seconds) <= 5


async def test_a_proxy_that_says_the_service_is_away_is_no_answer_of_its_checks():
    waits = Waits()
    stand = Stand(away("1"))
    async with stand.asked_by(sleep=waits, retry_seconds=2) as client:
        with pytest.raises(OverloadedError):
            await client.health()
    assert waits.seconds == [1.0, 1.0]


async def test_many_events_are_sent_once():
    waits = Waits()
    stand = Stand(away("1"))
    async with stand.asked_by(sleep=waits) as client:
        with pytest.raises(OverloadedError):
            await client.publish_many([Delete(id="a")])
    assert (len(stand.asked), waits.seconds) == (1, [])


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, DeniedError),
        (403, DeniedError),
        (404, PermanentError),
        (302, PermanentError),
        (408, TransientError),
        (429, OverloadedError),
        (500, TransientError),
        (502, TransientError),
        (504, TransientError),
        (599, TransientError),
    ],
)
async def test_what_stands_between_answers_in_its_own_words_and_is_understood_by_its_status(status, kind):
    async with Stand((status, "text/html", "<h1>no</h1>", {})).asked_by(retry_seconds=0) as client:
        with pytest.raises(kind, match=str(status)) as caught:
            await client.search("a")
        assert caught.value.problem is None


async def test_an_answer_of_a_newer_service_is_understood_and_one_of_something_else_is_not():
    async with Stand((200, "application/json", FACTS, {})).asked_by() as client:
        assert (await client.index()).documents == 1
    async with Stand((200, "text/html", "<h1>Hello</h1>", {})).asked_by() as client:
        with pytest.raises(PermanentError, match="the answer is no IndexFacts"):
            await client.index()


async def test_a_key_is_sent_as_a_bearer_and_never_told():
    stand = Stand((401, "text/plain", "", {}))
    async with stand.asked_by(api_key="secret-key") as client:
        with pytest.raises(DeniedError) as caught:
            await client.search("a")
    assert stand.asked[0][2]["Authorization"] == "Bearer secret-key"
    assert "secret-key" not in str(caught.value)


async def test_a_service_that_is_away_or_silent_is_transient():
    async with SearchClient(f"http://127.0.0.1:{free_port()}") as client:
        with pytest.raises(TransientError, match=r"search at http://127\.0\.0\.1:\d+: "):
            await client.search("a")
    world = World()
    async with world.serving(), SearchClient(f"http://127.0.0.1:{world.port}", timeout_seconds=0.05) as client:
        with pytest.raises(TransientError, match=r"no answer within 0\.05 s"):
            await silently(client, world)


async def silently(client: SearchClient, world: World) -> None:
    async def embed(*_: Any, **__: Any) -> Any:
        await asyncio.Event().wait()

    world.embedder.embed = embed  # type: ignore[method-assign]
    await client.search("cat")


async def test_what_cannot_be_written_is_told_before_anything_is_sent(client, world):
    for call in (client.search("\ud800"), client.put("\ud800", "t"), client.put("a", "t", metadata={"a": object()})):
        with pytest.raises(PermanentError, match="write the request"):
            await call
    assert world.publisher.log == []


@pytest.mark.parametrize(
    "url", ["", "localhost:8080", "ftp://a", "http://", "http://[", "http://a/?q=1", "http://user:hidden@a", "//a"]
)
def test_an_address_that_cannot_be_is_told_at_once_and_without_its_secrets(url):
    with pytest.raises(SettingsError, match=r"^url: ") as caught:
        SearchClient(url)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("key", ["", "hidden\n", " hidden", "hidden\r\nX: y", "hïdden"])
def test_a_key_that_no_header_can_hold_is_told_at_once_and_not_shown(key):
    with pytest.raises(SettingsError, match=r"^api_key: ") as caught:
        SearchClient(api_key=key)
    assert "dden" not in str(caught.value)


async def test_it_is_used_in_a_context():
    with pytest.raises(RuntimeError, match="async with"):
        await SearchClient().search("a")


async def test_feedback_is_given_for_a_result_of_a_search(world, client):
    answer = await client.search("cat")
    first = answer.results[0]
    assert (await client.feedback(answer.query_id, first.id, 1)).query_id == answer.query_id
    assert [(each.query_id, each.id, each.score) for each in world.quality.judgements] == [
        (answer.query_id, first.id, 1.0)
    ]
    with pytest.raises(PermanentError, match="score"):
        await client.feedback(answer.query_id, first.id, 2)


@pytest.mark.parametrize(
    ("options", "model", "besides"),
    [
        (SearchOptions, SearchRequest, {"query"}),
        (DocumentOptions, DocumentBody, {"text"}),
        (DeleteOptions, DeleteParameters, set()),
    ],
)
def test_it_takes_what_the_service_takes(options, model, besides):
    assert set(options.__annotations__) == model.model_fields.keys() - besides


def test_every_route_that_answers_with_a_model_has_its_method():
    known = {
        "POST /search": "search",
        "GET /search": "search",
        "GET /index": "index",
        "GET /documents/{id}": "explain",
        "PUT /documents/{id}": "put",
        "DELETE /documents/{id}": "delete",
        "POST /documents": "publish_many",
        "GET /health": "health",
        "GET /livez": "health",
        "GET /readyz": "health",
        "POST /feedback": "feedback",
    }
    assert {each.name for each in service_operations() if each.answer} == known.keys()
    assert all(callable(getattr(SearchClient, name)) for name in known.values())
