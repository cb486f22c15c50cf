"""The page while the index changes under it, and while somebody publishes on it."""

import asyncio
import time
from dataclasses import replace

import pytest
from playwright.async_api import Page, expect

from freshet.schemas.decoding import Rules
from freshet.schemas.positions import Order
from tests.integration.page.conftest import PARCEL, fill
from tests.unit.search.http.world import World

RESULTS = "#results > li"


async def test_the_age_of_the_newest_event_is_shown_and_grows(page: Page):
    await page.goto("/")
    await expect(page.locator("#freshness")).to_contain_text("3 documents · newest event")
    await expect(page.locator("#freshness time")).to_have_text("8 seconds ago")
    await expect(page.locator("#freshness time")).to_have_text("9 seconds ago")


async def test_a_change_is_shown_without_a_touch_and_disturbs_nobody_who_reads(page: Page, world):
    await page.goto("/?q=router")
    await expect(page.locator(RESULTS)).to_have_count(3)
    first = page.locator("li[data-id=kb-17]")
    await first.locator("summary").click()
    await first.evaluate("item => { item.seen = true }")

    now = time.time()
    world.reader.put("kb-21", "The router router router of the cellar.", event_time=now, searchable_at=now)
    await expect(page.locator("li[data-id=kb-21]")).to_have_class("news")
    await expect(page.locator(RESULTS)).to_have_count(4)
    await expect(page.locator("#freshness")).to_contain_text("4 documents · newest event just now")
    await expect(first.locator(".why table")).to_be_visible()
    await expect(first.locator("summary")).to_be_focused()
    assert await first.evaluate("item => item.seen"), "what has not changed stays where it was"
    await expect(page.locator("#q")).to_have_value("router")

    world.reader.put("kb-21", "", deleted=True, searchable_at=now + 1)
    world.reader.stored = {id_: each for id_, each in world.reader.stored.items() if each.key != "kb-21"}
    await expect(page.locator(RESULTS)).to_have_count(3)


async def test_what_is_read_stays_open_and_in_focus_when_it_changes(page: Page, world):
    await page.goto("/?q=parcel")
    item = page.locator("li[data-id=kb-18]")
    await item.get_by_role("button", name="Show all of it").click()
    await item.focus()
    now = time.time()
    world.reader.put("kb-18", PARCEL.replace("Bring", "Take"), title="Return a parcel", searchable_at=now)
    await expect(item.locator(".text")).to_contain_text("Take the parcel")
    await expect(item.get_by_role("button", name="Show less")).to_be_visible()
    await expect(item).to_be_focused()


async def test_what_is_typed_while_the_index_changes_all_the_time_is_asked_and_kept_in_the_address(page: Page, world):
    unpatched = world.reader.newest

    async def newest(*, tenant=None):
        return replace(await unpatched(tenant=tenant), searchable_at=time.time())

    world.reader.newest = newest
    await page.goto("/")
    for question in ("router", "parcel", "password", "button of the router"):
        await page.locator("#q").fill("")
        await page.locator("#q").press_sequentially(question, delay=60)
        assert await page.evaluate("new URLSearchParams(location.search).get('q')") == question
        await expect(page.locator("#results mark").first).to_be_visible()
        await expect(page).to_have_title(f"{question} – Freshet")


async def test_a_search_that_takes_long_says_so(page: Page, world):
    go_on, real = asyncio.Event(), world.embedder.embed

    async def slow(texts, *, purpose="index"):
        await go_on.wait()
        return await real(texts, purpose=purpose)

    world.embedder.embed = slow
    await page.goto("/?q=router")
    await expect(page.locator("#said")).to_have_text("Searching…")
    await expect(page.locator("#results")).to_have_attribute("aria-busy", "true")
    go_on.set()
    await expect(page.locator("#said")).to_have_text("3 documents")


async def test_a_document_is_published_from_the_page(page: Page, world):
    await page.goto("/")
    await page.locator("#publishing summary").click()
    await page.get_by_label("Id", exact=True).fill("tea/green & black")
    await page.get_by_label("Title").fill("Tea")
    await page.get_by_label("Text", exact=True).fill("Wait three minutes.")
    await page.get_by_role("button", name="Publish").click()
    await expect(page.locator("#published")).to_have_text(
        "Published: tea/green & black is in the log at documents/0@0."
    )
    [event] = world.publisher.log
    assert (event.id, event.title, event.text) == ("tea/green & black", "Tea", "Wait three minutes.")


async def test_what_is_wrong_with_a_document_stands_beside_its_field(page: Page, world):
    await page.goto("/")
    await page.locator("#publishing summary").click()
    button = page.get_by_role("button", name="Publish")
    await button.click()
    ids = page.get_by_label("Id", exact=True)
    await expect(ids).to_have_accessible_description("A document needs an id.")
    await expect(ids).to_be_focused()
    await ids.fill("a")
    await page.get_by_label("Title").fill("x" * 2_001)
    await button.click()
    await expect(page.get_by_label("Title")).to_have_attribute("aria-invalid", "true")
    await expect(page.get_by_label("Title")).to_have_accessible_description(
        "String should have at most 2000 characters"
    )
    await expect(ids).not_to_have_attribute("aria-invalid", "true")
    assert world.publisher.log == []


async def test_a_topic_in_version_order_is_given_versions(open_page, world):
    async with world.serving(rules=Rules(order=Order.VERSION)), open_page(world) as page:
        await page.goto("/")
        await page.locator("#publishing summary").click()
        await page.get_by_label("Id", exact=True).fill("a")
        button = page.get_by_role("button", name="Publish")
        for version, mistake in (("", "ordered by version"), ("1.5", "no whole number")):
            await page.get_by_label("Version").fill(version)
            await button.click()
            await expect(page.locator("#publish")).to_contain_text(mistake)
        await page.get_by_label("Version").fill("9007199254740993")
        await button.click()
        await expect(page.locator("#published")).to_contain_text("Published")
        assert world.publisher.log[-1].version == 9007199254740993


async def test_a_service_that_publishes_nothing_offers_no_form(open_page, world):
    async with world.serving(publishes=False), open_page(world) as page:
        await page.goto("/")
        await expect(page.locator("#freshness")).to_contain_text("3 documents")
        await expect(page.locator("#publishing")).to_be_hidden()


@pytest.fixture
def tenants() -> World:
    world = World(tenants=True)
    fill(world)
    now = time.time()
    for tenant in ("acme", "globex"):
        world.reader.put("kb-1", f"The router of {tenant}.", tenant=tenant, event_time=now, searchable_at=now)
    return world


async def test_with_tenants_on_one_is_named_first_and_only_its_documents_are_searched(open_page, tenants):
    async with tenants.serving(), open_page(tenants) as page:
        await page.goto("/?q=router")
        await expect(page.locator("#said")).to_have_text("Name the tenant whose documents you want to search.")
        await page.get_by_label("Tenant").press_sequentially("acme")
        await expect(page.locator(RESULTS)).to_have_count(1)
        await expect(page.locator(".text")).to_have_text("The router of acme.")
        await expect(page).to_have_url("/?q=router&tenant=acme")
        await page.locator("#publishing summary").click()
        await page.get_by_label("Id", exact=True).fill("kb-2")
        await page.get_by_role("button", name="Publish").click()
        await expect(page.locator("#published")).to_contain_text("Published")
        assert tenants.publisher.log[-1].tenant == "acme"
        await page.get_by_label("Tenant").fill("ACME")
        await expect(page.locator("#notice")).to_contain_text("tenant")
