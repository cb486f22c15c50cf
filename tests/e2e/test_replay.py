"""An index version is built beside the live one while events keep coming, and rests when it is told to."""

import asyncio
import json

from freshet.cli.exits import INTERRUPTED
from freshet.search.index.facts import DROPPED, built_at
from tests.support.rebuild import DOCUMENTS, WINDOWS, assigned, document, held, rebuild, told
from tests.support.road import Process
from tests.support.waiting import wait_until

SESSION = "6"  # seconds, after which a member that gives no sign loses its partitions


async def test_a_version_is_built_beside_the_live_one_through_a_pause_and_a_stream_of_events(road, started):
    async with rebuild(road) as world:
        live: Process = await started(road.worker(**WINDOWS["live"]))
        await world.publish(*(document(number) for number in range(DOCUMENTS)))
        await road.all_indexed(live, DOCUMENTS)
        before = await world.info("live")

        async with world.steady_stream():
            build: Process = await started(
                road.replay(
                    FRESHET_WORKER__SESSION_SECONDS=SESSION,
                    FRESHET_REPLAY__NICE="0",  # beside other tests it would wait for them all
                    **WINDOWS["new"],
                )
            )

            async def is_built() -> bool:
                return built_at((await world.info("new")).metadata) is not None

            await wait_until(is_built, "it has caught up with a log that goes on", deadline=60)
            await wait_until(lambda: told(build, "built"), "it says what to do next")
            assert await world.built() == DOCUMENTS

            await world.tell("pause")
            await wait_until(lambda: held(build) == "paused", "it has heard of the pause")
            assignments = assigned(build)
            await world.publish(document(51, 1))
            await road.all_indexed(live, world.published)
            assert await world.text(51) == document(51)["text"]
            refused, _ = await asyncio.gather(
                world.command("replay", "run", which="live"), world.equals_the_log("live")
            )
            assert refused[0] == 1
            assert "is live already; keep it true to the log with: freshet worker" in refused[1]
            longer = float(SESSION) + 1
            await wait_until(lambda: told(build, "progress")[-1]["lag_seconds"] > longer, "a session has passed")
            await world.tell("resume")

            async def goes_on() -> bool:
                return await world.text(51) == document(51, 1)["text"]

            await wait_until(goes_on, "it goes on")
            assert assigned(build) == assignments, "it has kept its partitions"

        await road.caught_up()
        await world.equals_the_log("new")
        assert await world.info("live") == before
        built = await world.info("new")
        assert built.metadata["build"]["documents"] == DOCUMENTS

        await world.versions.record(built.name, {DROPPED: True})
        await wait_until(lambda: not build.alive, "it ends, for there is nothing to be built any more")
        await build.kill()  # closes what a process leaves open here that ends by itself
        assert (build.exit_code, [each["event"] for each in told(build, "dropped")]) == (0, ["dropped"])
        assert live.alive


async def test_another_generation_embeds_nothing_that_the_live_version_has(road, started):
    async with rebuild(road) as world:
        live: Process = await started(road.worker(**WINDOWS["live"]))
        await world.publish(*(document(number) for number in range(DOCUMENTS)))
        await road.all_indexed(live, DOCUMENTS)
        # What was written anew for the live version stays in `documents.again` for ever.
        await world.lose(1)
        for command in (("verify", "--heal"), ("reprocess", "1h")):
            code, output = await world.command(*command, which="live")
            assert code == 0, output
        again = 1 + DOCUMENTS
        await road.all_indexed(live, DOCUMENTS + again)
        await road.caught_up()
        await world.equals_the_log("live")

        anew = {**WINDOWS["live"], "FRESHET_GENERATION": "2"}
        code, output = await road.command("replay", "plan", "--json", environment=anew)
        assert code == 0, output
        forecast = json.loads(output)["forecast"]
        assert (forecast["again"], forecast["tokens"]["to_embed"]["value"]) == (again, 0)
        assert forecast["tokens"]["in_live_version"]["value"] > 0

        code, output = await road.command("replay", "run", "--until-caught-up", environment=anew)
        assert code == 0, output
        assert "has caught up with the log; make it live with: freshet promote" in output
        took = (await world.info("new")).metadata["build"]
        assert (took["documents"], took["events"], took["tokens"]) == (DOCUMENTS, DOCUMENTS + again, 0)
        assert await world.built() == DOCUMENTS


async def test_what_a_signal_ends_says_how_far_it_came_and_what_is_put_live_then_what_it_lacks(road, started):
    async with rebuild(road) as world:
        live: Process = await started(road.worker(**WINDOWS["live"]))
        await world.publish(*(document(number) for number in range(DOCUMENTS)))
        await road.all_indexed(live, DOCUMENTS)
        slow = ("--until-caught-up", "--events-per-second", "3")
        build: Process = await started(road.replay(*slow, FRESHET_REPLAY__NICE="0", **WINDOWS["new"]))
        await wait_until(lambda: [each for each in told(build, "progress") if each["done"]], "some of it is built")
        await build.stop()
        assert build.exit_code == INTERRUPTED
        (end,) = told(build, "unfinished")
        assert 0 < end["done"] < end["total"] == DOCUMENTS
        assert end["message"].endswith("the same command goes on")

        code, output = await world.command("verify")
        assert (code, output.splitlines()[-1]) == (0, "what workers have done equals the log"), output
        assert "wait for workers" in output
        code, output = await world.command("promote", (await world.info("new")).name, "--force")
        assert code == 0, output
        assert "it was never built to the end" in output
        assert "it is behind the log by: " in output
