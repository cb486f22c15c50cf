"""Text that did not change is not embedded again."""

DOCUMENTS = [
    {"type": "upsert", "id": f"d{n}", "title": "Lighthouses", "text": f"Lighthouse {n} warns ships."} for n in range(40)
]


async def tokens(worker):
    return sum((await worker.metric("freshet_embedding_tokens_total")).values())


async def publish(road, worker, events, so_far):
    async with road.publisher() as publisher:
        await publisher.publish_many(events)
    await road.all_indexed(worker, so_far + len(events))


async def test_unchanged_text_is_not_embedded_again(road, started):
    worker = await started(road.worker(FRESHET_EMBEDDING__CACHE_BYTES="0"))
    await publish(road, worker, DOCUMENTS, 0)
    paid = await tokens(worker)
    assert paid > 0
    await publish(road, worker, DOCUMENTS, 40)
    assert await tokens(worker) == paid
    await publish(road, worker, [{**event, "metadata": {"lit": True}} for event in DOCUMENTS], 80)
    assert await tokens(worker) == paid
    outcomes = await worker.metric("freshet_events_total")
    assert (outcomes["indexed"], outcomes["unchanged"], outcomes["metadata"]) == (40, 40, 40)
    async with road.index() as index:
        ledger = await index.ledger([event["id"] for event in DOCUMENTS])
        assert all(record.metadata == {"lit": True} for record in ledger.values())


async def test_text_that_redis_knows_is_not_embedded_for_another_index(make_road, started, redis_url):
    first, second = make_road(FRESHET_REDIS__URL=redis_url), make_road(FRESHET_REDIS__URL=redis_url)
    for road in (first, second):
        worker = await started(road.worker())
        await publish(road, worker, DOCUMENTS, 0)
        paid = await tokens(worker)
        misses = sum((await worker.metric("embedding_cache_misses_total")).values())
        hits = sum((await worker.metric("embedding_cache_hits_total")).values())
        assert (paid > 0, misses, hits) == ((True, 40, 0) if road is first else (False, 0, 40))
        await worker.stop()
