"""For whom the page works: axe-core's rules, light and dark, on a desk and on a phone, in every state it has."""

import re

import pytest
from playwright.async_api import expect

from freshet.schemas.errors import TransientError
from freshet.search.rerank.base import RerankTooLate
from tests.support.browser import DESK, PHONE, expect_no_barriers, expect_no_sideways_scrolling


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_state_of_the_page_has_barriers_or_scrolls_sideways(open_page, world, scheme, size):
    async with open_page(color_scheme=scheme, viewport=size) as page:

        async def check() -> None:
            await expect_no_barriers(page)
            await expect_no_sideways_scrolling(page)

        await page.goto("/")
        await expect(page.locator("#freshness")).not_to_be_empty()
        await check()
        world.reader.put("a" * 300, "router " + "w" * 500, title="t" * 300, path="p" * 300)
        await page.locator("#q").fill("router")
        await expect(page.locator("#results > li")).to_have_count(4)
        for summary in await page.locator(".why summary").all():
            await summary.click()
        await check()
        await page.locator("#where summary").click()
        for document_id in ("a" * 300, "nobody" * 50):
            await page.locator("#where-id").fill(document_id)
            await page.get_by_role("button", name="Look").click()
            await expect(page.locator("#where-said")).to_contain_text("known" if "b" in document_id else "searchable")
            await check()
        await page.locator("#publishing summary").click()
        await page.get_by_role("button", name="Publish").click()
        await expect(page.locator(".mistake")).to_be_visible()
        await check()
        world.embedder.failure = TransientError("embed", "the model is away")
        await page.locator("#q").fill("password")
        await expect(page.locator("#notice")).to_be_visible()
        await check()


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_filters_and_ways_of_searching_have_no_barriers(open_page, shelf, reranker, scheme, size):
    async with open_page(shelf, color_scheme=scheme, viewport=size) as page:

        async def check() -> None:
            await expect_no_barriers(page)
            await expect_no_sideways_scrolling(page)

        shelf.reader.put("long", "A router.", lang="l" * 300, author={"name": "many words " * 20})
        await page.goto("/")
        await expect(page.locator("#filters")).to_be_visible()
        await check()
        if size == PHONE:
            await page.locator("#filters summary").click()
        await expect(page.locator("#facets label").first).to_be_visible()
        await check()
        reranker.failure = RerankTooLate("late")
        await page.locator("#q").fill("light  router")
        for box in await page.locator("#facets fieldset").first.get_by_role("checkbox").all():
            await box.check()
        await page.get_by_label("From").first.fill("0.5")
        await expect(page.locator("#ranges [aria-invalid=true]")).to_be_visible()
        await expect(page.locator("#degraded")).not_to_be_empty()
        await expect(page.locator("#changed")).not_to_be_empty()
        await check()
        reranker.failure = None
        await page.get_by_role("radio", name="Words").click()
        await expect(page.locator("#degraded")).to_be_empty()
        await page.locator(".why summary").first.click()
        await check()
        await page.get_by_role("button", name="Clear filters").click()
        await page.locator("#q").fill("")
        await expect(page.locator("#results > li")).to_have_count(0)
        await check()


async def test_it_is_as_dark_as_the_visitor_wants_it(open_page):
    grounds = []
    for scheme in ("light", "dark"):
        async with open_page(color_scheme=scheme) as page:
            await page.goto("/")
            grounds.append(await page.evaluate("getComputedStyle(document.body).backgroundColor"))
    light, dark = (sum(map(int, re.findall(r"\d+", ground))) for ground in grounds)
    assert light > 3 * 240
    assert dark < 3 * 40


async def test_without_scripts_it_says_what_it_needs(open_page):
    async with open_page(java_script_enabled=False) as page:
        await page.goto("/?q=router")
        await expect(page.locator(".notice").first).to_contain_text("This page needs JavaScript")


async def test_who_wants_no_motion_sees_none(open_page):
    async with open_page(reduced_motion="reduce") as page:
        await page.goto("/?q=router")
        await page.locator("#results > li").first.evaluate("item => { item.className = 'news' }")
        durations = await page.evaluate("document.getAnimations().map((each) => each.effect.getTiming().duration)")
        assert all(duration <= 1 for duration in durations)
