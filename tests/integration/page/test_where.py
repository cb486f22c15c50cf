"""The small form that tells where a document is."""

from dataclasses import replace

from playwright.async_api import Page, expect

from freshet.schemas.errors import TransientError
from freshet.schemas.positions import FreshnessToken
from freshet.search.documents.facts import Letter
from freshet.search.index.records import Work
from tests.unit.search.http.keys import ACME, GLOBEX, keys
from tests.unit.search.http.world import World, waiting


async def look(page: Page, document_id: str) -> None:
    where = page.locator("#where")
    if not await where.get_by_label("Id of the document").is_visible():
        await where.locator("summary").click()
    await where.get_by_label("Id of the document").fill(document_id)
    await page.keyboard.press("Enter")


async def test_a_document_is_told_with_what_it_took(page: Page, world: World):
    record = world.reader.records["kb-17"]
    work = Work(record.event_time + 0.25, 0.001, 0.002, 1.5, embedded=1, cached=1, tokens=1_200)
    world.reader.records["kb-17"] = replace(record, work=work, searchable_at=record.event_time + 2)
    world.log.facts["kb-17"] = waiting("kb-17", offset=40, done=38)
    await page.goto("/")
    await look(page, "kb-17")
    said = page.locator("#where-said")
    await expect(said).to_contain_text("It is searchable since")
    await expect(said).to_contain_text("2 are before it in its partition")
    told = page.locator("#where-told")
    await expect(told).to_contain_text("2 (1 embedded, 1 from the cache)")
    await expect(told).to_contain_text("1,200 tokens for $0.024000")
    times = "waiting to be fetched 250 ms, reading 1 ms, comparing and cutting 2 ms, embedding 1.5 s"
    await expect(told).to_contain_text(times)


async def test_of_an_event_that_came_again_no_time_is_told_for_what_it_waited(page: Page, world: World):
    record = world.reader.records["kb-17"]
    work = Work(record.event_time + 0.25, 0.001, 0.002, 1.5)
    world.reader.records["kb-17"] = replace(record, work=work, searchable_at=record.event_time + 2, again=True)
    world.log.facts["kb-17"] = waiting("kb-17", offset=40, done=38)
    await page.goto("/")
    await look(page, "kb-17")
    await expect(page.locator("#where-said")).to_contain_text("which was written again at")
    told = page.locator("#where-told")
    await expect(told).to_contain_text("reading 1 ms")
    await expect(told).not_to_contain_text("waiting")


async def test_what_is_not_found_or_cannot_be_asked_is_told_and_nothing_of_before_is_left(page: Page, world: World):
    await page.goto("/")
    await look(page, "kb-18")
    await expect(page.locator("#where-told dd").first).to_be_visible()
    await look(page, "nobody")
    await expect(page.locator("#where-said")).to_contain_text("nothing is known of this document")
    await expect(page.locator("#where-told dd")).to_have_count(0)
    await look(page, " ")
    await expect(page.locator("#where-said")).to_have_text("Which document? Give its id.")
    letter = Letter(FreshnessToken("documents", 0, 9), "not_json", "<b>the value</b> is not JSON", 1, 1.0, "open")
    world.log.facts["bad"] = replace(waiting("bad", done=99), letters=[letter])
    await look(page, "bad")
    await expect(page.locator("#where-said")).to_contain_text("not_json: <b>the value</b> is not JSON")
    world.versions.live = fail  # type: ignore[method-assign]
    await look(page, "kb-18")
    await expect(page.locator("#where-said")).to_contain_text("try again later")


async def fail() -> str | None:
    raise TransientError("read the alias", "away")


async def test_what_one_key_has_shown_is_gone_with_it(open_page):
    world = World(tenants=True)
    world.reader.put("kb-17", "theirs", title="cobalt", tenant="globex")
    async with world.serving(keys=keys(ACME, GLOBEX)), open_page(world) as page:
        await page.goto("/")
        await expect(page.locator("#where")).to_be_hidden()
        await page.locator("#key").fill(GLOBEX.key)
        await page.keyboard.press("Enter")
        await look(page, "kb-17")
        await expect(page.locator("#where-said")).to_contain_text("It is searchable since")
        await page.get_by_role("button", name="Use another key").click()
        await expect(page.locator("#where")).to_be_hidden()
        await page.locator("#key").fill(ACME.key)
        await page.keyboard.press("Enter")
        await expect(page.locator("#where")).to_be_visible()
        await expect(page.locator("#where-said")).to_be_empty()
        await expect(page.locator("#where-id")).to_have_value("")
