"""Bad events among good ones: each a dead letter with its reason and bytes, and no neighbour harmed."""

import json

from tests.support.waiting import wait_until

GOOD = 1_000


def upsert(document_id, text, **more):
    return json.dumps({"type": "upsert", "id": document_id, "text": text, **more}).encode()


BAD = {
    "not_utf8": (b"bad-1", b'{"type": "upsert", "id": "bad-1", "text": "\xff"}'),
    "not_json": (b"bad-2", b'{"type": "upsert", "id": '),
    "missing_field": (b"bad-3", b'{"type": "upsert", "id": "bad-3"}'),
    "wrong_type": (b"bad-4", b'{"type": "upsert", "id": "bad-4", "text": 4}'),
    "unknown_type": (b"bad-5", b'{"type": "patch", "id": "bad-5"}'),
    "invalid_value": (b"bad-6", b'{"type": "upsert", "id": "bad-6", "text": "x", "metadata": {"n": 1e999}}'),
    "key_mismatch": (b"bad-7", upsert("another", "x")),
    "too_large": (b"bad-8", upsert("bad-8", "x" * 1_010_000)),
    "registry_format": (b"bad-9", b"\x00\x00\x00\x00\x07\x02binary"),
}


async def test_each_bad_event_is_a_dead_letter_and_every_good_one_is_indexed(road, started):
    await started(road.search())
    worker = await started(road.worker())
    records = [(f"good-{n}".encode(), upsert(f"good-{n}", f"Number {n}")) for n in range(GOOD)]
    for at, record in enumerate(BAD.values()):
        records.insert(at * 100, record)
    await road.produce(records)
    await road.caught_up()  # committed, and so announced: dead letters are counted before they are produced

    letters = await road.records(f"{road.topic}.dead-letters")
    assert {dict(letter.headers)["reason"].decode(): (letter.key, letter.value) for letter in letters} == BAD
    for letter in letters:
        headers = {name: value.decode() for name, value in letter.headers}
        assert headers["origin"].startswith(f"{road.topic}/")
        assert headers["message"]
        assert headers["time"]
        assert headers["attempts"] == "1"
    async with road.index() as index:
        ledger = await index.ledger([f"good-{n}" for n in range(GOOD)])
        assert len(ledger) == GOOD
        assert not await index.ledger([key.decode() for key, _ in BAD.values()])
    await counted_by_reason(worker)


async def counted_by_reason(worker):
    async def all_counted():
        counts = await worker.metric("freshet_dead_letters_total")
        return {reason for reason, value in counts.items() if value} == set(BAD)

    await wait_until(all_counted, "the dead letters are counted by reason")


async def test_an_event_without_a_version_is_a_dead_letter_where_the_topic_is_ordered_by_it(make_road, started):
    road = make_road(FRESHET_ORDER="version")
    await started(road.worker())
    records = [
        (b"a", upsert("a", "seven", version=7)),
        (b"a", upsert("a", "late", version=6)),
        (b"b", upsert("b", "none")),
    ]
    await road.produce(records)
    await road.caught_up()
    letters = await road.records(f"{road.topic}.dead-letters")
    assert [(letter.key, dict(letter.headers)["reason"]) for letter in letters] == [(b"b", b"no_version")]
    async with road.index() as index:
        assert (await index.ledger(["a"]))["a"].version == 7


async def test_an_event_that_moved_to_another_partition_is_a_dead_letter(road, started):
    worker = await started(road.worker())
    await road.produce([(b"a", upsert("a", "here"))])
    await road.all_indexed(worker, 1)
    async with road.index() as index:
        partition = (await index.ledger(["a"]))["a"].partition
        await road.produce_to((partition + 1) % 4, b"a", upsert("a", "there"))
        await road.caught_up()
        letters = await road.records(f"{road.topic}.dead-letters")
        assert [dict(letter.headers)["reason"] for letter in letters] == [b"partition_moved"]
        assert (await index.ledger(["a"]))["a"].partition == partition


async def test_what_a_bad_event_would_hide_from_a_rebuild_is_kept(road, started):
    """Compaction keeps the last record of a key, here the bad one."""
    await started(road.search())
    await started(road.worker())
    good = upsert("a", "a volcano erupted")
    await road.produce([(b"a", good)])
    await road.found_first("volcano", "a")
    await road.produce([(b"a", b"{")])
    await road.caught_up()
    [kept] = await road.records(f"{road.topic}.again")
    headers = dict(kept.headers)
    assert (kept.value, headers["reason"]) == (good, b"reinstated")
    origin = headers["origin"].decode()
    assert kept.key == b"a\n" + origin.encode()
    [first] = [each for each in await road.records(road.topic) if each.value == good]
    assert origin == f"{road.topic}/{first.partition}@{first.offset}"
    assert kept.partition == first.partition


async def test_what_is_done_about_dead_letters_is_not_counted_as_some(road, started):
    worker = await started(road.worker())
    await road.produce([(b"bad", b"{")])
    await road.caught_up()
    assert (await road.command("dead-letters", "drop", "--all"))[0] == 0
    await road.produce([(b"bad", b'{"type": "patch", "id": "bad"}')])  # of the same key, so its letter lies behind

    async def counted():
        counts = await worker.metric("freshet_dead_letters_total")
        return counts if counts.get("unknown_type") else None

    counts = await wait_until(counted, "the last letter is counted")
    assert {reason: count for reason, count in counts.items() if count} == {"not_json": 1, "unknown_type": 1}
