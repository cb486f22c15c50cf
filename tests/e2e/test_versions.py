"""From the plan of a version to its promotion, back and forth, while events are published and searches asked."""

import asyncio
import json
from collections import Counter
from contextlib import asynccontextmanager

from freshet.search.index.facts import LIMIT, built_at, built_to
from tests.support.rebuild import DOCUMENTS, WINDOWS, document, rebuild
from tests.support.waiting import wait_until

ASKERS = 2
PAUSE_SECONDS = 0.1
PROMOTE = ("promote", "--queries-count", "20", "--min-overlap", "0", "--max-slowdown", "100")


@asynccontextmanager
async def searches(road):
    """Searches one after the other while the block lasts; gives how many were answered from each version."""
    answered: Counter[str] = Counter()

    async def ask():
        async with road.client() as client:
            while True:
                answer = await client.search("where do penguins dive", limit=5)
                assert len({result.id for result in answer.results}) == 5
                answered[answer.index.version] += 1
                await asyncio.sleep(PAUSE_SECONDS)

    tasks = [asyncio.create_task(ask()) for _ in range(ASKERS)]
    try:
        yield answered
        for task in tasks:
            assert not task.done(), task.exception()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def answers_from(version, answered):
    """Wait until searches that were sent since are answered from this version."""
    before = answered[version]
    await wait_until(lambda: answered[version] > before + ASKERS, f"{version} answers")


async def test_no_search_fails_and_no_event_is_lost_while_versions_come_and_go(road, started):
    async with rebuild(road) as world:
        live = await started(road.worker(**WINDOWS["live"]))
        await world.publish(*(document(number) for number in range(DOCUMENTS)))
        await road.all_indexed(live, DOCUMENTS)
        old = (await world.info("live")).name
        await started(road.search(**WINDOWS["live"]))
        await wait_until(lambda: road.find("penguins"), "searches are answered")

        async with world.steady_stream(), searches(road) as answered:
            code, output = await world.command("replay", "plan", "--json")
            assert (code, json.loads(output)["forecast"]["documents"]) == (0, DOCUMENTS), output
            build = await started(road.replay("--events-per-second", "20", FRESHET_REPLAY__NICE="0", **WINDOWS["new"]))

            async def is_begun():
                return 0 < await world.built() < DOCUMENTS

            await wait_until(is_begun, "some documents are there")
            began = await world.info("new")
            new = began.name
            await build.kill()
            await build.start()
            assert built_to((await world.info("new")).metadata) == built_to(began.metadata) != {}
            await world.versions.record(new, {LIMIT: None})

            async def is_built():
                info = await world.versions.describe(new)
                return info is not None and built_at(info.metadata) is not None

            await wait_until(is_built, "it has caught up with a log that goes on", deadline=60)
            for step, now, which in ((PROMOTE, new, "new"), (("rollback",), old, "live"), (PROMOTE, new, "new")):
                code, output = await world.command(*step)
                assert code == 0, output
                assert await world.versions.live() == now
                await answers_from(now, answered)
                await world.equals_the_log(which)
            assert set(answered) == {old, new}

        await road.caught_up()
        await asyncio.gather(world.equals_the_log("live"), world.equals_the_log("new"))
        code, output = await world.command("versions", "drop", old, "--force")
        assert code == 0, output
        await wait_until(lambda: not live.alive, "the worker of a version that is gone has ended")
        await live.kill()  # closes what a process leaves open here that ends by itself
        assert await world.versions.names() == [new]
        assert len(await road.find("penguins")) == 5
