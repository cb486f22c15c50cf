"""The fences of a batch: conditional upserts and conditional deletes."""

import pytest
from qdrant_client import AsyncQdrantClient, models

from tests.contract.qdrant_server.points import (
    below,
    equals,
    has_id,
    ids,
    is_any,
    is_empty,
    passage,
    payloads,
    record,
    up_to,
)


async def test_a_point_that_passes_the_condition_is_replaced(qdrant_client: AsyncQdrantClient, collection: str):
    await qdrant_client.upsert(collection, [record(1, position=10, old=True)])
    condition = models.Filter(must=[below("position", 20)])
    await qdrant_client.upsert(collection, [record(1, position=20)], update_filter=condition)
    assert await payloads(qdrant_client, collection, [1]) == {1: {"position": 20}}


async def test_a_point_that_fails_the_condition_stays_and_the_answer_does_not_tell(
    qdrant_client: AsyncQdrantClient, collection: str
):
    await qdrant_client.upsert(collection, [record(1, position=20)])
    condition = models.Filter(must=[below("position", 20)])
    answer = await qdrant_client.upsert(collection, [record(1, position=20, new=True)], update_filter=condition)
    assert answer.status == models.UpdateStatus.COMPLETED
    assert await payloads(qdrant_client, collection, [1]) == {1: {"position": 20}}


async def test_an_absent_point_is_inserted_whatever_the_condition_says(
    qdrant_client: AsyncQdrantClient, collection: str
):
    condition = models.Filter(must=[below("position", 0)])
    await qdrant_client.upsert(collection, [record(1, position=5)], update_filter=condition)
    assert await payloads(qdrant_client, collection, [1]) == {1: {"position": 5}}


async def test_one_condition_judges_each_point_of_a_batch_by_itself(qdrant_client: AsyncQdrantClient, collection: str):
    await qdrant_client.upsert(collection, [record(n, position=n) for n in range(4)])
    condition = models.Filter(must=[below("position", 2)])
    await qdrant_client.upsert(collection, [record(n, position=9) for n in range(5)], update_filter=condition)
    found = await payloads(qdrant_client, collection, list(range(5)))
    assert {n: payload["position"] for n, payload in found.items()} == {0: 9, 1: 9, 2: 2, 3: 3, 4: 9}


async def test_the_commit_fence_lets_through_exactly_the_states_that_were_read(
    qdrant_client: AsyncQdrantClient, collection: str
):
    stored = [record(n, position=1000 + n, partition=n % 2) for n in range(300)]
    await qdrant_client.upsert(collection, stored)
    read = [1000 + n for n in range(256)]
    condition = models.Filter(must=[is_any("position", read), equals("partition", 0)])
    written = [record(n, position=5000, partition=0) for n in range(301)]
    await qdrant_client.upsert(collection, written, update_filter=condition)
    found = await payloads(qdrant_client, collection, list(range(301)))
    replaced = {n for n, payload in found.items() if payload["position"] == 5000}
    assert replaced == {n for n in range(256) if n % 2 == 0} | {300}


async def test_a_range_does_not_match_a_point_without_the_field(qdrant_client: AsyncQdrantClient, collection: str):
    await qdrant_client.upsert(collection, [record(1), record(2, position=None)])
    bare = models.Filter(must=[up_to("position", 9)])
    await qdrant_client.upsert(collection, [record(n, position=9) for n in (1, 2)], update_filter=bare)
    assert await payloads(qdrant_client, collection, [1, 2]) == {1: {}, 2: {"position": None}}
    tolerant = models.Filter(should=[up_to("position", 9), is_empty("position")])
    await qdrant_client.upsert(collection, [record(n, position=9) for n in (1, 2)], update_filter=tolerant)
    assert await payloads(qdrant_client, collection, [1, 2]) == {1: {"position": 9}, 2: {"position": 9}}


async def test_fences_nest_should_in_must(qdrant_client: AsyncQdrantClient, collection: str):
    stored = [record(1, partition=0, position=5), record(2, partition=0, position=50), record(3, partition=1)]
    await qdrant_client.upsert(collection, stored)
    not_above = models.Filter(should=[up_to("position", 10), is_empty("position")])
    condition = models.Filter(must=[equals("partition", 0), not_above])
    await qdrant_client.upsert(collection, [record(n, won=True) for n in (1, 2, 3)], update_filter=condition)
    found = await payloads(qdrant_client, collection, [1, 2, 3])
    assert [n for n, payload in found.items() if payload.get("won")] == [1]


async def test_the_last_of_two_points_with_one_id_wins(qdrant_client: AsyncQdrantClient, collection: str):
    await qdrant_client.upsert(collection, [record(1, turn="first"), record(1, turn="last")])
    assert await payloads(qdrant_client, collection, [1]) == {1: {"turn": "last"}}


@pytest.mark.parametrize(("mode", "expected"), [("insert_only", {1: 0, 2: 9}), ("update_only", {1: 9})])
async def test_update_modes(qdrant_client: AsyncQdrantClient, collection: str, mode: str, expected: dict[int, int]):
    await qdrant_client.upsert(collection, [record(1, position=0)])
    points = [record(n, position=9) for n in (1, 2)]
    await qdrant_client.upsert(collection, points, update_mode=models.UpdateMode(mode))
    found = await payloads(qdrant_client, collection, [1, 2])
    assert {n: payload["position"] for n, payload in found.items()} == expected


async def test_a_delete_by_ids_and_range_spares_what_was_written_later(
    qdrant_client: AsyncQdrantClient, collection: str
):
    await qdrant_client.upsert(collection, [passage(n, position=n * 10) for n in range(4)])
    condition = models.Filter(must=[has_id(0, 1, 2, 99), up_to("position", 10)])
    await qdrant_client.delete(collection, models.FilterSelector(filter=condition))
    assert await ids(qdrant_client, collection) == {2, 3}


async def test_racing_conditional_writers_leave_the_highest_position(qdrant_client: AsyncQdrantClient, collection: str):
    import asyncio

    async def write(position: int) -> None:
        condition = models.Filter(must=[below("position", position)])
        await qdrant_client.upsert(collection, [record(n, position=position) for n in (1, 2)], update_filter=condition)

    await asyncio.gather(*(write(position) for position in (3, 9, 1, 7, 5, 8, 2)))
    assert await payloads(qdrant_client, collection, [1, 2]) == {1: {"position": 9}, 2: {"position": 9}}
