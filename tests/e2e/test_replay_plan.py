"""`freshet replay plan` over a real log: what it foretells is what the build that follows takes."""

import json

import pytest

BODY = "Parcels of any size may be returned within thirty days at every post office that has a counter. "


def event(document_id, text, **metadata):
    body = {"type": "upsert", "id": document_id, "title": document_id, "text": text, "metadata": metadata}
    return document_id.encode(), json.dumps(body).encode()


def history():
    """Documents of one to four passages; edits, other metadata, repeats, ends, and what is no event."""
    first = [event(f"doc-{number}", BODY * (1 + number % 8)) for number in range(60)]
    edits = [event(f"doc-{number}", BODY * (number % 8) + "Or ring us up.") for number in range(0, 60, 6)]
    moved = [event(f"doc-{number}", BODY * (1 + number % 8), lang="en") for number in range(1, 60, 6)]
    ends = [(f"doc-{number}".encode(), None) for number in range(2, 60, 20)]
    return [*first, *edits, *moved, *ends, *first[3:60:6], (b"doc-5", b"{")]


async def plan(road, **settings):
    code, output = await road.command("replay", "plan", "--json", environment=settings)
    assert code == 0, output
    return json.loads(output)


async def test_a_plan_foretells_what_the_build_takes_and_what_the_next_version_need_not_embed(make_road, started):
    one = {"FRESHET_WORKER__BATCH_EVENTS": "1"}  # else it is chance which edits come with what they change
    road = make_road(**one, FRESHET_EMBEDDING__WINDOW="64")
    assert (await road.command("topics", "create"))[0] == 0
    await road.produce(history())
    told = await plan(road)
    assert (told["state"], told["live"], told["differences"]) == (None, None, [])
    assert told["forecast"]["dead_letters"] == 1
    assert told["forecast"]["documents"] == told["forecast"]["sampled_documents"] - 3 == 57

    worker = await started(road.worker())
    await road.caught_up()
    (tokens,) = (await worker.metric("freshet_embedding_tokens_total")).values()
    foretold = told["forecast"]["tokens"]["to_embed"]["value"]
    assert foretold == pytest.approx(tokens, rel=0.02)

    another = await plan(road, FRESHET_GENERATION="2", FRESHET_SPARSE__AVERAGE_LENGTH="50")
    assert another["live"] == told["version"]
    assert [each["part"] for each in another["differences"]] == ["words", "generation"]
    tokens = another["forecast"]["tokens"]
    assert tokens["in_live_version"]["value"] + tokens["to_embed"]["value"] == pytest.approx(foretold, rel=0.02)
    assert 0 < tokens["to_embed"]["value"] < foretold / 2  # states that were replaced, or are of another metadata

    fields = await plan(road, FRESHET_FIELDS='{"lang": "keyword"}')
    assert [each["part"] for each in fields["differences"]] == ["fields"]
    assert (fields["state"], fields["forecast"]) == ("live", None)
