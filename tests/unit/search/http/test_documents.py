"""`GET /documents/{id}`: where a document is, over HTTP."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from freshet.schemas.decoding import Reason, Record
from freshet.schemas.positions import FreshnessToken, Rank
from freshet.search.documents.facts import Letter, LogFacts, Looked, Pace
from freshet.search.index.records import Work
from tests.unit.search.http.keys import ACME, ADMIN, GLOBEX, keys
from tests.unit.search.http.test_errors import assert_problem
from tests.unit.search.http.world import World, waiting

START = 1_000.0
HEADERS = (("ce_source", b"crm"), ("cookie", b"secret"), ("ce_" + "x" * 900, b"\xff" * 900))


def indexed(world: World) -> None:
    """`cats`, with all that is recorded of it."""
    world.reader.put("cats", "the cat sat", "on a mat", title="Cats", event_time=START, searchable_at=START + 9)
    work = Work(START + 2, 0.5, 0.25, 4.0, embedded=1, cached=1, tokens=50_000)
    world.reader.records["cats"] = replace(world.reader.records["cats"], work=work)


async def told(world: World, path: str = "/documents/cats") -> dict[str, Any]:
    answer = await world.ask("GET", path)
    assert answer.status == 200, answer.body
    return dict(answer.json)


async def test_of_a_searchable_document_it_tells_its_event_its_way_and_its_cost(world: World):
    indexed(world)
    offset = world.reader.records["cats"].offset
    held = Record("documents", 0, offset, START + 1, b"cats", b"{}", HEADERS)
    world.log.facts["cats"] = LogFacts(held=held, next={0: 99}, has_letters=True)
    facts = await told(world)
    found = facts["indexed"]
    assert (facts["state"], facts["newer"], facts["untold"], facts["dead_letters"]) == ("searchable", None, [], [])
    assert found["event"]["event"] == f"documents/0@{offset}"
    assert (found["event"]["at"][14:19], found["event"]["written_at"][14:19]) == ("16:40", "16:41")
    assert found["event"]["producer"] == {"ce_source": "crm", ("ce_" + "x" * 900)[:200]: ("\\xff" * 900)[:200]}
    assert (found["since"][14:19], found["model"], found["index_version"]) == ("16:49", "words", "documents__abc")
    assert found["again"] is False
    assert found["stages"] == {"queued": 2, "decode": 0.5, "plan": 0.25, "embed": 4, "write": 2.25}
    assert found["vectors"] == {"embedded": 1, "cached": 1, "taken_over": 0, "kept": 0, "tokens": 50_000}
    assert found["cost_usd"] == 1.0
    assert "texts" not in found
    event = f"documents/0@{offset} of 1970-01-01 00:16:40 UTC"
    assert facts["told"] == [f"It is searchable since 1970-01-01 00:16:49 UTC, as of the event {event}."]
    assert (await told(world, "/documents/cats?passages=true"))["indexed"]["texts"] == ["the cat sat", "on a mat"]


async def test_an_event_that_came_again_is_told_as_written_again_and_its_age_is_no_lag(world: World):
    indexed(world)
    world.reader.records["cats"] = replace(world.reader.records["cats"], again=True)
    world.log.facts["cats"] = LogFacts(has_letters=True)
    facts = await told(world)
    found = facts["indexed"]
    assert (found["again"], found["stages"]["queued"], found["stages"]["decode"]) == (True, None, 0.5)
    (said,) = facts["told"]
    assert said.startswith("It is searchable, as of the event documents/0@")
    assert said.endswith(", which was written again at 1970-01-01 00:16:49 UTC.")


async def test_what_older_releases_wrote_lacks_what_they_did_not_record(world: World):
    world.log.facts["cats"] = LogFacts(has_letters=True)
    found = (await told(world))["indexed"]
    assert (found["stages"], found["vectors"], found["cost_usd"]) == (None, None, None)


async def test_a_document_is_searchable_and_has_a_newer_event_that_waits(world: World):
    world.log.facts["cats"] = replace(waiting("cats", offset=40, done=31), pace=Pace(2.0, START))
    facts = await told(world)
    newer = facts["newer"]
    assert (facts["state"], newer["outcome"], newer["ahead"], newer["eta_seconds"]) == ("searchable", "waiting", 9, 5.0)
    assert "9 are before it in its partition, about 5.0 s at the rate of the last minute" in facts["told"][1]


async def test_a_document_is_searchable_and_its_newer_event_is_dead(world: World):
    letter = Letter(FreshnessToken("documents", 0, 40), "refused", "the model refuses it", 3, START, "open")
    world.log.facts["cats"] = replace(waiting("cats", offset=40, done=99), letters=[letter])
    facts = await told(world)
    assert (facts["state"], facts["newer"]["outcome"]) == ("searchable", "dead")
    assert facts["newer"]["letter"] == facts["dead_letters"][0]
    told_of = facts["told"][1]
    for word in ("refused: the model refuses it", "tried 3 times"):
        assert word in told_of


@pytest.mark.parametrize("reason", Reason)
async def test_a_retry_is_advised_only_where_it_can_help(world: World, reason: Reason):
    letter = Letter(FreshnessToken("documents", 0, 40), reason.value, "no", 1, START, "open")
    world.log.facts["cats"] = replace(waiting("cats", offset=40, done=99), letters=[letter])
    advice = (await told(world))["told"][2]
    verb = "retry" if reason in {"too_large", "refused"} else "drop"
    assert advice.endswith(f": freshet dead-letters {verb} documents/0@40")
    assert ("good event" in advice) == (verb == "drop")


async def test_of_a_dropped_letter_nothing_is_advised(world: World):
    letter = Letter(FreshnessToken("documents", 0, 40), "not_json", "no", 1, START, "dropped")
    world.log.facts["cats"] = replace(waiting("cats", offset=40, done=99), letters=[letter])
    (said,) = (await told(world))["told"][1:]
    assert said.endswith("; somebody decided that nothing has to be done about it).")


async def test_a_deleted_document_is_told_with_the_event_that_ended_it(world: World):
    world.reader.put("gone", deleted=True, event_time=START, searchable_at=START + 9)
    world.log.facts["gone"] = LogFacts(has_letters=True)
    facts = await told(world, "/documents/gone")
    assert facts["state"] == "deleted"
    assert facts["told"][0].startswith("It is deleted since 1970-01-01 00:16:49 UTC, by the event documents/0@3")


async def test_an_unknown_document_is_a_404_that_tells_where_one_has_looked(world: World):
    world.log.facts["lions"] = LogFacts(
        looked={"documents": Looked(10_000, 123_456), "documents.dead-letters": Looked(7, 7)}
    )
    detail = assert_problem(await world.ask("GET", "/documents/lions"), 404, "not-found")["detail"]
    assert "the newest 10,000 of the 123,456 offsets in documents and the 7 offsets in documents.dead-letters" in detail


async def test_without_kafka_it_tells_what_the_index_knows_and_what_could_not_be_told(world: World):
    for known in ("cats", "lions"):
        world.log.facts[known] = LogFacts(untold=["documents: read documents: Kafka is away"])
    facts = await told(world)
    assert (facts["state"], facts["newer"]) == ("searchable", None)
    assert facts["told"][-1] == "This could not be told: documents: read documents: Kafka is away."
    assert (await told(world, "/documents/lions"))["state"] == "absent"


async def test_a_document_that_is_edited_while_it_is_looked_at_is_told_in_one_of_its_states(world: World):
    indexed(world)
    look = world.log.look

    async def look_and_edit(key: str, **given: object) -> LogFacts:
        if len(world.log.asked) == 0:
            world.reader.put("cats", "edited", event_time=START, searchable_at=START + 20)
            world.reader.records["cats"] = replace(world.reader.records["cats"], rank=Rank(0, 50))
        return await look(key, **given)  # type: ignore[arg-type]

    world.log.look = look_and_edit  # type: ignore[method-assign]
    facts = await told(world, "/documents/cats?passages=true")
    assert facts["indexed"]["texts"] == ["edited"]
    assert world.log.asked == ["cats", "cats"]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/documents/a%00b", "id"),
        ("/documents/%FF", "id"),
        (f"/documents/{'x' * 513}", "id"),
        ("/documents/a?tenant=acme", "tenant"),
        ("/documents/a?texts=true", "texts"),
        ("/documents/a?passages=perhaps", "passages"),
    ],
)
async def test_what_no_document_can_be_called_is_a_422_and_looked_for_nowhere(world: World, path: str, field: str):
    problem = assert_problem(await world.ask("GET", path), 422, "invalid-request")
    assert [error["field"] for error in problem["errors"]] == [field]
    assert world.log.asked == []


async def test_an_id_may_hold_slashes_and_any_letters(world: World):
    world.log.facts["å/b?"] = waiting("å/b?")
    for path in ("/documents/%C3%A5/b%3F", "/documents/%C3%A5%2Fb%3F"):
        assert (await told(world, path))["id"] == "å/b?"


async def test_a_tenants_key_is_told_of_its_own_documents_alone_and_others_must_name_one():
    world = World(tenants=True)
    world.reader.put("kb-17", "theirs", title="cobalt", tenant="globex")
    world.log.facts = {}
    async with world.serving(keys=keys(ACME, GLOBEX, ADMIN)):
        assert (await world.ask("GET", "/documents/kb-17", headers=GLOBEX.bearer)).json["tenant"] == "globex"
        refused = await world.ask("GET", "/documents/kb-17", headers=ACME.bearer)
        assert "cobalt" not in json.dumps(assert_problem(refused, 404, "not-found"))
        assert world.log.asked == ["globex/kb-17", "acme/kb-17"]
        slash = await world.ask("GET", "/documents/..%2Fglobex%2Fkb-17", headers=ACME.bearer)
        assert_problem(slash, 404, "not-found")
        assert world.log.asked[-1] == "acme/../globex/kb-17"
        missing = await world.ask("GET", "/documents/kb-17", headers=ADMIN.bearer)
        assert assert_problem(missing, 422, "invalid-request")["errors"][0]["field"] == "tenant"
