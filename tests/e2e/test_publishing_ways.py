"""A document is found by its meaning, whichever way it was published, and what it no longer says is not."""

import json
from pathlib import Path

import pytest

from freshet import Upsert
from tests.support.waiting import wait_until

OLD = "Penguins huddle together to survive the antarctic winter."
NEW = "The central bank raised interest rates to fight inflation."
ABOUT_OLD, ABOUT_NEW = "birds keeping warm in the cold", "monetary policy against rising prices"
OTHER = "A recipe for sourdough bread with rye flour."


@pytest.fixture
async def running(road, started):
    """A road whose index holds a document about something else, so that being best means something."""
    await started(road.search())
    worker = await started(road.worker())
    async with road.publisher() as publisher:
        await publisher.upsert("other", OTHER)
    await road.found_first("baking", "other")
    return road, worker


def old_is_gone(results):
    return all(OLD not in result["text"] for result in results)


async def expect_edit_and_end(road, edit, end):
    """The document "a" says OLD; after the edit it says NEW, after the end it is gone."""
    first = await road.found_first(ABOUT_OLD, "a")
    assert first["text"].strip() == OLD
    await edit()
    await road.found_first(ABOUT_NEW, "a")
    assert old_is_gone(await road.find(ABOUT_OLD))
    await end()

    async def gone():
        return all(result["id"] != "a" for result in await road.find(ABOUT_NEW))

    await wait_until(gone, "the document is gone")
    assert [result["id"] for result in await road.find(ABOUT_NEW)] == ["other"]


async def test_from_python(running):
    road, _ = running
    async with road.publisher() as publisher:
        await publisher.upsert("a", OLD)
        await expect_edit_and_end(road, lambda: publisher.upsert("a", NEW), lambda: publisher.delete("a"))
        await publisher.upsert("a", OLD)
        await expect_edit_and_end(road, lambda: publisher.upsert("a", NEW), lambda: publisher.tombstone("a"))


async def test_from_a_file(running, tmp_path: Path):
    road, _ = running
    file = tmp_path / "events.jsonl"

    async def publish(*events):
        file.write_text("".join(json.dumps(event) + "\n" for event in events))
        code, output = await road.command("publish", str(file))
        assert code == 0, output

    await publish({"id": "a", "text": OLD, "title": "Penguins"})
    await expect_edit_and_end(
        road, lambda: publish({"id": "a", "text": NEW}), lambda: publish({"type": "delete", "id": "a"})
    )


async def test_from_a_folder_and_the_delete_command(running, tmp_path: Path):
    road, _ = running
    file = tmp_path / "a.md"

    async def publish(text):
        file.write_text(f"# A heading\n\n{text}\n")
        code, output = await road.command("publish", str(tmp_path))
        assert code == 0, output

    await publish(OLD)
    await road.found_first(ABOUT_OLD, "a.md")
    await publish(NEW)
    await road.found_first(ABOUT_NEW, "a.md")
    assert old_is_gone(await road.find(ABOUT_OLD))
    assert (await road.command("delete", "a.md"))[0] == 0

    async def gone():
        return all(result["id"] != "a.md" for result in await road.find(ABOUT_NEW))

    await wait_until(gone, "the document is gone")


async def test_over_http(running):
    road, worker = running
    async with road.client() as client:

        async def put(text):
            assert (await client.put("a", text)).token.startswith(f"{road.topic}/")

        await put(OLD)
        await expect_edit_and_end(road, lambda: put(NEW), lambda: client.delete("a"))
        await client.publish_many([Upsert(id=f"n{n}", text=f"Number {n}. {OTHER}") for n in "123"])
    await road.all_indexed(worker, 7)
    assert {result["id"] for result in await road.find("bread", limit=4)} == {"other", "n1", "n2", "n3"}
