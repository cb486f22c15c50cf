"""The page of the API, in a real browser: for everybody, light and dark, on a desk and on a phone."""

import re

import pytest
from playwright.async_api import expect

from tests.support.browser import DESK, PHONE, expect_no_barriers, expect_no_sideways_scrolling
from tools.reference.operations import service_operations


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_has_no_barriers_and_does_not_scroll_sideways(open_page, scheme, size):
    async with open_page(color_scheme=scheme, viewport=size) as page:
        await page.goto("/docs")
        await expect_no_barriers(page)
        await expect_no_sideways_scrolling(page)


async def test_it_shows_every_route_without_scripts_and_its_links_lead_somewhere(open_page):
    async with open_page(java_script_enabled=False) as page:
        await page.goto("/docs")
        shown = [await each.text_content() for each in await page.locator("h2 code").all()]
        assert set(shown) == {each.name for each in service_operations() if each.answer}
        for link in await page.locator('a[href^="#"]').all():
            anchor = (await link.get_attribute("href") or "").removeprefix("#")
            assert await page.locator(f'[id="{anchor}"]').count() == 1, anchor


async def test_it_is_found_from_the_search_page_and_leads_back(page):
    await page.goto("/")
    await page.get_by_role("link", name="API").click()
    await expect(page).to_have_title("API – Freshet")
    await page.get_by_role("link", name="search", exact=True).click()
    await expect(page).to_have_title(re.compile("^Freshet"))


async def test_its_examples_name_the_address_that_it_was_asked_at(page, world):
    await page.goto("/docs")
    example = page.get_by_label("Example of POST /search")
    await expect(example).to_contain_text(f"curl -X POST http://127.0.0.1:{world.port}/search")
    await expect(example).to_contain_text('{"query": "router does not answer", "limit": 3}')
