"""The pages of real processes in a browser: what is published elsewhere is seen, and how the processes are."""

import json
import re

import pytest
from playwright.async_api import expect

from tests.support.browser import PHONE, expect_no_barriers, expect_no_sideways_scrolling, new_page

RESULTS = "#results > li"


async def test_what_is_published_elsewhere_changes_and_leaves_the_page_by_itself(road, started, browser):
    await started(road.worker())
    await started(road.search())
    async with road.publisher() as publisher, new_page(browser, road.url) as page:
        await page.goto("/?q=why+does+the+coffee+taste+sour")
        await publisher.upsert("kb-1", "Sour coffee: grind it finer.", title="Taste")
        await publisher.upsert("kb-2", "Hold the button of the router for ten seconds.", title="Router")
        await expect(page.locator("h2")).to_have_text(["Taste", "Router"])
        await expect(page.locator("li[data-id=kb-1] mark").first).to_have_text("Sour coffee")
        await publisher.upsert("kb-1", "Bitter coffee: grind it coarser.", title="Taste")
        await expect(page.locator("li[data-id=kb-1] .text")).to_have_text("Bitter coffee: grind it coarser.")
        await publisher.delete("kb-1")
        await expect(page.locator("h2")).to_have_text(["Router"])
        await expect(page.locator("#freshness")).to_contain_text("1 document · newest event")


async def test_what_the_metadata_holds_is_counted_and_chosen_on_the_real_index(road, started, browser):
    fields = json.dumps(
        {"lang": "keyword", "year": "integer", "open": "bool", "price": "float", "published": "datetime"}
    )
    await started(road.worker(FRESHET_FIELDS=fields))
    await started(road.search(FRESHET_FIELDS=fields))
    async with road.publisher() as publisher, new_page(browser, road.url) as page:
        for number, lang in enumerate(["en", "en", "de"]):
            metadata = {"lang": lang, "year": 2024 + number, "open": number > 0, "price": number + 0.5}
            metadata["published"] = f"2026-01-0{number + 1}T12:00:00Z"
            await publisher.upsert(f"kb-{number}", "A router.", title=f"Router {number}", metadata=metadata)
        await page.goto("/?q=router")
        await expect(page.get_by_role("group", name="lang").locator("label")).to_have_text(["en2", "de1"])
        await page.get_by_label(re.compile("^yes")).check()
        await expect(page.locator(RESULTS)).to_have_count(2)
        await page.get_by_role("group", name="price").get_by_label("From").fill("1.5")
        await page.get_by_role("group", name="year").get_by_label("To").fill("2026")
        await page.get_by_role("group", name="published").get_by_label("To").fill("2026-01-02")
        await expect(page.locator("h2")).to_have_text(["Router 1"])
        await page.get_by_label(re.compile("^no")).check()
        await page.get_by_role("button", name="Remove the filter price: from 1.5").click()
        await expect(page.locator(RESULTS)).to_have_count(2)
        await page.locator("#q").fill("")
        await expect(page.locator("#said")).to_have_text("Newest first: 2 documents")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_status_of_both_processes_is_there_for_people_and_programs(road, started, browser, scheme):
    worker, search = await started(road.worker()), await started(road.search())
    await road.produce([(b"kb-1", b'{"type": "upsert", "id": "kb-1", "text": "one"}'), (b"kb-2", b"{")])
    await road.caught_up()
    options = {"color_scheme": scheme, "viewport": PHONE}
    async with new_page(browser, worker.probes, **options) as page:
        await page.goto("/status")
        await expect(page.locator("h1")).to_have_text("Freshet · Worker")
        await expect(page.locator(".good")).to_have_text("● All checks pass.")
        await expect(page.get_by_role("row", name=re.compile(r"^announce 0 – 2 "))).to_be_visible()
        await expect(page.get_by_role("row", name="not_json 1")).to_be_visible()
        await expect(page.get_by_role("row", name=re.compile(r"\d 0 – [\d–] \d$"))).to_have_count(8)  # of both topics
        await expect_no_barriers(page)
        await expect_no_sideways_scrolling(page)
    assert await road.find("one")
    async with new_page(browser, search.probes, **options) as page:
        await page.goto("/status")
        await expect(page.locator("h1")).to_have_text("Freshet · Search service")
        await expect(page.get_by_role("row", name="answered 1")).to_be_visible()
        await expect_no_barriers(page)
        await expect(page.locator("main")).to_contain_text("Index index-")
        await search.stop()
        await expect(page.locator("#lost")).to_have_text("The process does not answer; these figures are old.")
