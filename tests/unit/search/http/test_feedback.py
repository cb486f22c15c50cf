"""What people think of results, and what is recorded of searches for them to be about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from freshet.schemas.fields import Kind
from tests.unit.search.http.keys import ACME, ADMIN, keys
from tests.unit.search.http.test_errors import assert_problem
from tests.unit.search.http.world import VERSION, MemoryReader, World

SAID = {"query_id": "0f3a", "id": "kb-17", "score": 0.5}


async def test_what_somebody_thinks_of_a_result_is_kept_and_counted(world):
    answer = await world.ask("POST", "/feedback", json=SAID)
    assert (answer.status, answer.json) == (202, {"query_id": "0f3a"})
    (record,) = world.quality.judgements
    assert (record.query_id, record.id, record.score, record.tenant) == ("0f3a", "kb-17", 0.5, None)
    assert datetime.now(UTC) - record.time < timedelta(minutes=1)
    assert world.sample("search_quality_score_sum") == 0.5
    assert world.sample("search_quality_score_bucket", le="0.25") == 0


@pytest.mark.parametrize("score", [0, 1])
async def test_both_ends_of_the_scale_count(world, score):
    assert (await world.ask("POST", "/feedback", json={**SAID, "score": score})).status == 202
    assert world.sample("search_quality_score_bucket", le="0.0") == 1 - score


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"score": 1.01}, "score"),
        ({"score": -0.01}, "score"),
        ({"score": "1"}, "score"),
        ({"score": True}, "score"),
        ({"query_id": ""}, "query_id"),
        ({"query_id": "a b"}, "query_id"),
        ({"query_id": "a" * 65}, "query_id"),
        ({"id": ""}, "id"),
        ({"id": "a\x00"}, "id"),
        ({"tenant": "acme"}, "tenant"),
        ({"comment": "good"}, "comment"),
    ],
)
async def test_what_is_no_judgement_is_refused_by_the_field(world, wrong, field):
    answer = await world.ask("POST", "/feedback", json={**SAID, **wrong})
    assert assert_problem(answer, 422, "invalid-request")["errors"][0]["field"] == field
    assert world.quality.judgements == []
    assert world.sample("search_quality_score_count") == 0


async def test_what_kafka_does_not_take_is_not_counted(world):
    world.quality.failure = TimeoutError()
    assert (await world.ask("POST", "/feedback", json=SAID)).status == 500
    assert world.sample("search_quality_score_count") == 0


async def test_a_service_without_kafka_says_so():
    async with World().serving(publishes=False) as world:
        answer = await world.ask("POST", "/feedback", json=SAID)
        assert "started without Kafka" in assert_problem(answer, 503, "unavailable")["detail"]


async def test_a_judgement_is_of_the_tenant_of_the_key_and_else_names_one():
    async with World(tenants=True).serving(keys=keys(ACME, ADMIN)) as world:
        await world.ask("POST", "/feedback", json=SAID, headers=ACME.bearer)
        await world.ask("POST", "/feedback", json={**SAID, "tenant": "globex"}, headers=ADMIN.bearer)
        assert [each.tenant for each in world.quality.judgements] == ["acme", "globex"]
        answer = await world.ask("POST", "/feedback", json=SAID, headers=ADMIN.bearer)
        assert assert_problem(answer, 422, "invalid-request")["errors"][0]["field"] == "tenant"


async def test_each_answer_is_recorded_under_its_id_with_what_was_asked():
    reader = MemoryReader()
    reader.fields = {"lang": Kind.KEYWORD}
    reader.put("cats", "the cat sat on a mat", lang="en")
    reader.put("chats", "the cat sat on a mat", lang="fr")
    world = World(reader=reader)
    filters = {"must": [{"key": "metadata.lang", "match": {"value": "en"}}]}
    asked = {"mode": "dense", "limit": 1, "filters": filters, "rerank": False}
    async with world.serving():
        answer = (await world.search(" the  cat ", **asked)).json
    (record,) = world.quality.answers
    told = record.model_dump(mode="json")
    assert told["filters"] == filters
    assert told["results"] == [[each["id"], each["score"]] for each in answer["results"]]
    assert (record.query_id, record.index_version, record.query) == (answer["query_id"], VERSION, "the cat")
    assert (record.mode, record.limit, record.offset, record.rerank) == ("dense", 1, 0, False)
    assert record.took_ms == answer["took_ms"]


async def test_what_was_asked_is_not_recorded_unless_told_so():
    async with World(with_text=False).serving() as world:
        await world.search("my illness")
    (record,) = world.quality.answers
    assert "illness" not in record.model_dump_json()


async def test_what_was_refused_or_failed_is_no_answer(world):
    await world.search("cat", limit=0)
    world.reader.failure = TimeoutError()
    await world.search("cat")
    assert world.quality.answers == []
