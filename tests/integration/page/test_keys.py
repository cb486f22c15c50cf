"""The page of a service that asks for a key: who has none, who has the wrong one, and who may do what with theirs."""

import time

import pytest
from playwright.async_api import Page, expect

from tests.integration.page.conftest import fill
from tests.support.browser import DESK, PHONE, expect_no_barriers, expect_no_sideways_scrolling
from tests.unit.search.http.keys import ACME, ADMIN, PUBLISHER, SEARCHER, keys
from tests.unit.search.http.world import World

RESULTS = "#results > li"


@pytest.fixture
async def locked():
    world = World()
    fill(world)
    async with world.serving(keys=keys(SEARCHER, PUBLISHER, ADMIN)):
        yield world


async def enter(page: Page, key: str) -> None:
    await page.get_by_label("Key", exact=True).fill(key)
    await page.get_by_role("button", name="Use this key").click()


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_asking_for_a_key_has_no_barriers_and_says_what_is_wrong_with_one(open_page, locked, scheme, size):
    async with open_page(locked, color_scheme=scheme, viewport=size) as page:
        field = page.get_by_label("Key", exact=True)
        await page.goto("/?q=router")
        await expect(field).to_be_focused()
        await expect(page.locator("#search")).to_be_hidden()
        await expect(field).not_to_have_attribute("aria-invalid", "true")
        await expect_no_barriers(page)
        await expect_no_sideways_scrolling(page)
        for wrong, said in (
            ("", "Enter a key."),
            ("ключ", "A key has no spaces and no letters of this kind."),
            ("fk_wrong", "The service does not know this key."),
        ):
            await enter(page, wrong)
            await expect(page.locator("#key-said")).to_have_text(said)
            await expect(field).to_have_attribute("aria-invalid", "true")
        await expect_no_barriers(page)
        await enter(page, SEARCHER.key)
        await expect(page.locator("#access")).to_be_hidden()
        await expect(page.locator(RESULTS)).to_have_count(3)
        await expect(page.locator("#q")).to_be_focused()
        await expect(page.locator("#notice")).to_be_hidden()
        await expect_no_barriers(page)
        await expect_no_sideways_scrolling(page)


async def test_a_key_is_kept_in_the_tab_and_nowhere_else(open_page, locked):
    async with open_page(locked) as page:
        await page.goto("/?q=router")
        await enter(page, SEARCHER.key)
        await expect(page.locator(RESULTS)).to_have_count(3)
        await page.reload()
        await expect(page.locator(RESULTS)).to_have_count(3)
        assert SEARCHER.key not in page.url
        assert await page.evaluate("JSON.stringify([{...localStorage}, document.cookie])") == '[{},""]'
        other = await page.context.new_page()
        await other.goto("/")
        await expect(other.get_by_label("Key", exact=True)).to_be_visible()


async def test_a_key_that_may_only_search_sees_no_form_to_publish_and_one_that_may_sees_it(open_page, locked):
    async with open_page(locked) as page:
        await page.goto("/?q=router")
        await enter(page, SEARCHER.key)
        await expect(page.locator(RESULTS)).to_have_count(3)
        await expect(page.locator("#publishing")).to_be_hidden()
        await page.get_by_role("button", name="Use another key").click()
        await expect(page.locator(RESULTS)).to_have_count(0)
        await enter(page, ADMIN.key)
        await page.locator("#publishing summary").click()
        await page.get_by_label("Id", exact=True).fill("tea")
        await page.get_by_role("button", name="Publish").click()
        await expect(page.locator("#published")).to_contain_text("Published")


async def test_a_key_that_may_not_search_is_told_so(open_page, locked):
    async with open_page(locked) as page:
        await page.goto("/?q=router")
        await enter(page, PUBLISHER.key)
        await expect(page.locator("#key-said")).to_contain_text("The key is not for this")
        await expect(page.locator("#key-said")).to_contain_text("search")


async def test_when_a_key_ends_what_it_has_shown_goes_away(open_page, locked):
    async with open_page(locked) as page:
        await page.goto("/?q=router")
        await enter(page, SEARCHER.key)
        await expect(page.locator(RESULTS)).to_have_count(3)
        await page.route("**/search", lambda route: route.fulfill(status=401, json={"type": "/problems/no-key"}))
        await page.route("**/index*", lambda route: route.fulfill(status=401, json={"type": "/problems/no-key"}))
        await page.locator("#q").fill("parcel")
        await expect(page.locator("#key-said")).to_have_text("The service does not know this key.")
        await expect(page.locator(RESULTS)).to_have_count(0)


async def test_a_tenants_key_names_the_tenant_by_itself(open_page):
    world = World(tenants=True)
    now = time.time()
    for tenant in ("acme", "globex"):
        world.reader.put("kb-1", f"The router of {tenant}.", tenant=tenant, event_time=now, searchable_at=now)
    async with world.serving(keys=keys(ACME, ADMIN)), open_page(world) as page:
        await page.goto("/?q=router&tenant=globex")
        await enter(page, ACME.key)
        await expect(page.locator(".text")).to_have_text(["The router of acme."])
        await expect(page.locator("#tenant-field")).to_be_hidden()
        await expect(page.locator("#freshness")).to_contain_text("1 document ·")
        await page.locator("#publishing summary").click()
        await page.get_by_label("Id", exact=True).fill("kb-2")
        await page.get_by_role("button", name="Publish").click()
        await expect(page.locator("#published")).to_contain_text("Published")
        assert world.publisher.log[-1].tenant == "acme"
        await page.get_by_role("button", name="Use another key").click()
        await enter(page, ADMIN.key)
        await expect(page.locator(".text")).to_have_text(["The router of globex."])
        await expect(page.get_by_label("Tenant")).to_have_value("globex")
