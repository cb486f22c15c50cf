"""`freshet verify` over a real log and index: silent where they agree, and every defect found and mended."""

import json
import uuid
from dataclasses import replace

import numpy as np
import pytest

from freshet.schemas.keys import ledger_id
from freshet.search.index.qdrant.audit import QdrantAudit
from freshet.search.index.qdrant.client import connect
from freshet.search.index.qdrant.payloads import ledger_point, passage_point
from tests.support.waiting import wait_until

LONG = "Penguins huddle together to survive the antarctic winter. " * 40
TEXTS = {"long": LONG, "lost": "A parcel to return.", "vector": "Snow falls.", "text": "New words.", "gone": "Leaves."}


def event(document_id, text):
    return document_id.encode(), json.dumps({"type": "upsert", "id": document_id, "text": text}).encode()


class Vandal:
    """Writes to the collection behind everybody's back."""

    def __init__(self, client, collection):
        self.client, self.collection = client, collection
        self.audit = QdrantAudit(client, collection=collection, dimension=384)

    async def record(self, key):
        return (await self.audit.ledger([key]))[key]

    async def passages(self, key):
        return list((await self.audit.whole((await self.record(key)).passages)).values())

    async def put(self, *points):
        await self.client.upsert(self.collection, list(points), wait=True)

    async def take(self, *ids):
        await self.client.delete(self.collection, list(ids), wait=True)

    async def spoil(self, before):
        """One defect of each kind; `before` is the state that "text" and "gone" had at first."""
        passage, *_ = await self.passages("long")
        await self.take((await self.record("long")).passages[1])
        await self.take(ledger_id("lost"), *(await self.record("lost")).passages)
        wrong = (await self.passages("vector"))[0]
        await self.put(passage_point(replace(wrong, vector=np.roll(wrong.vector, 1))))
        await self.take(*(await self.record("text")).passages)
        for record, passages in before:
            await self.put(*map(passage_point, passages), ledger_point(record))
        await self.take(ledger_id("ended"))
        extra, orphan, stray = (str(uuid.uuid4()) for _ in range(3))
        astray = ledger_point(replace(await self.record("vector"), key="stray", id="stray"))
        await self.put(
            passage_point(replace(wrong, id=extra, key="extra")),
            ledger_point(replace(await self.record("vector"), key="extra", id="extra", passages=(extra,))),
            passage_point(replace(passage, id=orphan)),
            astray.model_copy(update={"id": stray}),
        )


@pytest.fixture
async def vandal(road):
    client = connect(road.environment["FRESHET_QDRANT__URL"], api_key=road.environment.get("FRESHET_QDRANT__API_KEY"))
    yield lambda: Vandal(client, road.environment["FRESHET_INDEX"])
    await client.close()


async def test_what_somebody_did_to_the_index_is_found_and_mended(road, started, vandal):
    await started(road.worker())
    await road.produce([event(key, text) for key, text in TEXTS.items() if key != "text"])
    await road.produce([event("text", "Old words."), event("ended", "x"), (b"ended", None), (b"bad", b"{")])
    await road.caught_up()
    vandal = vandal()
    before = [(await vandal.record(key), await vandal.passages(key)) for key in ("text", "gone")]
    await road.produce([event("text", TEXTS["text"]), (b"gone", None)])
    await road.caught_up()

    code, output = await road.command("verify", "--all-vectors")
    assert (code, output.splitlines()[-1]) == (0, "the index equals the log"), output

    await vandal.spoil(before)
    code, output = await road.command("verify", "--json", "--all-vectors")
    assert code == 1, output
    found = json.loads(output)
    kinds = ("extra", "missing", "orphan", "passage", "resurrected", "text", "tombstone", "vector")
    assert found["differences"] == dict.fromkeys(kinds, 1) | {"extra": 2}
    assert {each["key"] for each in found["first"]} == {*TEXTS, "ended", "extra", "stray"}

    code, output = await road.command("verify", "--heal", "--all-vectors")
    assert code == 0, output

    async def mended():
        code, output = await road.command("verify", "--heal", "--json", "--all-vectors")  # what the extra one listed
        found = json.loads(output)
        return (code, found["ahead"], found["differences"]) == (0, 0, {})

    await wait_until(mended, "the index equals the log again", deadline=60)


async def test_a_worker_holds_the_index_against_the_log_by_itself(road, started, vandal):
    worker = await started(road.worker(FRESHET_WORKER__VERIFY_HOURS="0.0005"))
    await road.produce([event("long", LONG)])
    await road.caught_up()

    async def drift():
        return (await worker.metric("freshet_index_drift_documents")).get("passage")

    async def told(documents):
        return await drift() == documents

    await wait_until(lambda: told(0), "it has found nothing")
    vandal = vandal()
    await vandal.take((await vandal.record("long")).passages[1])
    await wait_until(lambda: told(1), "it has found what is missing")


@pytest.mark.parametrize("what", ["1h", "offset", "id"])
async def test_what_is_reprocessed_is_written_as_the_log_says_also_where_the_ledger_calls_it_equal(
    road, started, vandal, what
):
    await started(road.worker())
    await road.produce([event("vector", "Old."), event("vector", TEXTS["vector"])])
    await road.caught_up()
    vandal = vandal()
    (passage,) = await vandal.passages("vector")
    record = await vandal.record("vector")
    await vandal.put(passage_point(replace(passage, vector=np.roll(passage.vector, 1))))
    named = {"offset": f"{road.topic}/{record.partition}@{record.offset}", "id": "vector"}.get(what, what)

    code, output = await road.command("reprocess", named, "--dry-run")
    assert (code, output) == (0, "1 document would be indexed again\n")
    code, output = await road.command("reprocess", named)
    assert (code, output) == (0, "1 document: workers index them again now\n")

    async def mended():
        (found,) = await vandal.passages("vector")
        return np.allclose(found.vector, passage.vector, atol=1e-5)

    await wait_until(mended, "the vector is that of the text again")


async def test_what_is_reprocessed_while_nobody_would_do_it_is_told(road, started):
    assert (await road.command("topics", "create"))[0] == 0
    code, output = await road.command("reprocess", "1h")
    assert (code, output) == (0, "nothing to do: the log holds no good event there\n")
    await road.produce([event("vector", "Old.")])
    code, output = await road.command("reprocess", "2099-01-01", "--dry-run")
    assert (code, output) == (0, "nothing to do: the log holds no good event there\n")
    alone = "1 document: nobody follows the live version now; to have that done, start: freshet worker\n"
    assert await road.command("reprocess", "1h") == (0, alone)
    worker = await started(road.worker())
    await road.caught_up()
    await worker.stop()
    assert await road.command("reprocess", "1h") == (0, alone)
    without = {"FRESHET_QDRANT__URL": "http://127.0.0.1:1"}
    told = "1 document: workers index them again now\n"
    assert await road.command("reprocess", "1h", environment=without) == (0, told)


@pytest.mark.parametrize(
    ("what", "told"),
    [
        (["no-such"], "the log holds no event of no-such"),
        (["2026-13-01"], "no event of 2026-13-01 (a time is written alone"),
        (["{topic}/1"], "no event of {topic}/1 (an offset is written alone"),
        (["other/0@0"], "is no offset of"),
        (["{topic}/0@99"], "the partition is empty"),
        (["{topic}/99@0"], "the topic has no such partition"),
    ],
)
async def test_what_cannot_be_reprocessed_is_told_in_one_line(road, what, told):
    assert (await road.command("topics", "create"))[0] == 0
    code, output = await road.command("reprocess", *(each.format(topic=road.topic) for each in what))
    assert code != 0
    assert told.format(topic=road.topic) in output
    assert len(output.splitlines()) == 1 or code == 2
    assert "Traceback" not in output


async def test_where_there_is_no_index_it_says_so(road):
    assert (await road.command("topics", "create"))[0] == 0
    code, output = await road.command("verify")
    assert code != 0
    assert "there is no index" in output
    assert "Traceback" not in output
