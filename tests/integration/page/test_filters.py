"""Choosing documents by what their metadata holds: ticks, bounds, chips, and the address that keeps them."""

import asyncio
import re
import time

import pytest
from playwright.async_api import Page, expect

from freshet.schemas.errors import PermanentError, TransientError
from tests.integration.page.conftest import new_shelf
from tests.integration.page.test_ways import sent
from tests.support.browser import PHONE
from tests.unit.search.http.keys import SEARCHER, keys

RESULTS = "#results > li"
COUNTS = "#facets fieldset"
CHIPS = "#chips li"


def group(page: Page, name: str):
    return page.get_by_role("group", name=name, exact=True)


def tick(page: Page, field: str, value: str):
    return group(page, field).get_by_role("checkbox", name=re.compile(f"^{re.escape(value)}( |$)"))


async def test_values_of_declared_fields_are_listed_with_their_counts_before_anything_is_asked(books: Page):
    await books.goto("/")
    await expect(group(books, "lang").locator("label")).to_have_text(["en3", "de2", "fr2"])
    await expect(group(books, "open").locator("label")).to_have_text(["yes4", "no3"])
    await expect(group(books, "year").get_by_role("checkbox")).to_have_count(7)
    await expect(books.locator(COUNTS)).to_have_count(4)
    await expect(group(books, "lang")).to_have_accessible_description(re.compile("all documents that pass the filters"))
    await expect(books.locator("#said")).to_have_text("Ask a question, or describe what you are looking for.")
    await expect(books.locator(RESULTS)).to_have_count(0)


async def test_without_declared_fields_there_are_no_filters(page: Page):
    await page.goto("/?q=router&metadata.lang=en")
    await expect(page.locator(RESULTS)).to_have_count(3)
    await expect(page.locator("#filters")).to_be_hidden()
    await expect(page.locator("#chosen")).to_be_hidden()


async def test_ticking_narrows_one_field_widens_and_chips_take_it_back(books: Page):
    await books.goto("/?q=router")
    await tick(books, "lang", "en").check()
    await expect(books.locator(RESULTS)).to_have_count(3)
    await expect(group(books, "author.name").locator("label")).to_have_text(["Ada2", "Grace1"])
    await tick(books, "lang", "de").check()
    await expect(books.locator(RESULTS)).to_have_count(5)
    await tick(books, "author.name", "Grace").check()
    await expect(books.locator("h2")).to_have_text(["Book 6", "Book 4"])
    await expect(books.locator(CHIPS)).to_have_text(["lang: en ×", "lang: de ×", "author.name: Grace ×"])
    await expect(books).to_have_url("/?q=router&metadata.lang=de&metadata.lang=en&metadata.author.name=Grace")

    await books.get_by_role("button", name="Remove the filter lang: en").click()
    await expect(books.locator("h2")).to_have_text(["Book 4"])
    await expect(tick(books, "lang", "en")).not_to_be_checked()
    await expect(books.get_by_role("button", name="Remove the filter lang: de")).to_be_focused()
    await books.get_by_role("button", name="Clear filters").click()
    await expect(books.locator(RESULTS)).to_have_count(7)
    await expect(books.locator("#chosen")).to_be_hidden()
    await expect(books.locator("#filters summary")).to_be_focused()
    await expect(books).to_have_url("/?q=router")


async def test_yes_and_no_together_are_both(books: Page):
    await books.goto("/?q=router&metadata.open=true")
    await expect(books.locator(RESULTS)).to_have_count(4)
    await tick(books, "open", "no").check()
    await expect(books.locator(RESULTS)).to_have_count(7)


async def test_filters_without_a_question_list_the_newest_documents(books: Page):
    await books.goto("/")
    await tick(books, "lang", "de").check()
    await expect(books.locator("h2")).to_have_text(["Book 4", "Book 1"])
    await expect(books.locator("#said")).to_have_text("Newest first: 2 documents")
    await books.locator(".why summary").first.click()
    await expect(books.locator(".reasons").first).to_contain_text("It is one of the newest documents")
    await expect(books.locator(".reasons table")).to_have_count(0)
    await tick(books, "lang", "de").uncheck()
    await expect(books.locator(RESULTS)).to_have_count(0)


async def test_bounds_are_typed_and_both_belong_to_what_is_found(books: Page, shelf):
    await books.goto("/?q=router")
    price = group(books, "price")
    await price.get_by_label("From").fill("1.5")
    await expect(books.locator(RESULTS)).to_have_count(6)
    await price.get_by_label("To").fill("3.5")
    await expect(books.locator(RESULTS)).to_have_count(3)
    await expect(books.locator(CHIPS)).to_have_text(["price: 1.5 to 3.5 ×"])
    days = group(books, "published (days in UTC)")
    await days.get_by_label("To").fill("2026-01-03")
    await expect(books.locator("h2")).to_have_text(["Book 2", "Book 1"])
    await expect(books).to_have_url("/?q=router&metadata.price=1.5..3.5&metadata.published=..2026-01-03")
    await books.get_by_role("button", name="Remove the filter price: 1.5 to 3.5").click()
    await expect(books.locator(RESULTS)).to_have_count(3)
    await expect(price.get_by_label("From")).to_have_value("")


async def test_a_bound_that_is_none_is_told_beside_it_and_left_out(books: Page):
    await books.goto("/?q=router")
    year = group(books, "year").last
    await year.get_by_label("From").fill("2020.5")
    await expect(year.get_by_label("From")).to_have_attribute("aria-invalid", "true")
    await expect(year.get_by_label("From")).to_have_accessible_description(re.compile("whole numbers"))
    await expect(books.locator(RESULTS)).to_have_count(7)
    await year.get_by_label("From").fill("2025")
    await expect(books.locator(RESULTS)).to_have_count(2)
    await expect(year.get_by_label("From")).to_have_attribute("aria-invalid", "false")
    await expect(year.get_by_label("From")).to_have_accessible_description("")


async def test_an_address_opens_with_its_filters_and_what_else_there_is_to_choose(books: Page):
    await books.goto("/?q=router&metadata.lang=fr&metadata.year=2021..2024&metadata.published=2026-01-04..")
    await expect(tick(books, "lang", "fr")).to_be_checked()
    await expect(books.locator(RESULTS)).to_have_count(0)
    await expect(books.locator("#said")).to_have_text("Nothing was found.")
    await expect(group(books, "lang").locator("label")).to_have_text(["en", "de", "fr0"])
    await expect(group(books, "year").last.get_by_label("To")).to_have_value("2024")
    await tick(books, "lang", "de").check()
    await expect(books.locator("h2")).to_have_text(["Book 4"])
    await books.go_back()
    await expect(tick(books, "lang", "de")).not_to_be_checked()
    await expect(books.locator(RESULTS)).to_have_count(0)
    await books.reload()
    await expect(books.locator(CHIPS)).to_have_count(3)


GARBAGE = [
    "metadata.lang=" + "x" * 1001,
    "metadata.colour=red",
    "metadata.note=words",
    "metadata.open=maybe",
    "metadata.open=constructor",
    "metadata.year=twenty",
    "metadata.year=2e3",
    "metadata.year=9007199254740993",
    "metadata.year=1.5..2.5",
    "metadata.price=5",
    "metadata.price=cheap..dear",
    "metadata.price=1e999..",
    "metadata.price=..100000000000000000000",
    "metadata.published=2026-02-30..",
    "metadata.published=0000-01-01..",
    "metadata.published=..12026-01-01",
    "metadata.=x&metadata=y&__proto__=z",
    "mode=loud&rerank=perhaps&limit=-1",
]


async def test_what_is_no_filter_in_an_address_is_overlooked(books: Page, shelf):
    await books.goto(f"/?q=router&{'&'.join(GARBAGE)}&metadata.lang=de&metadata.lang=de")
    await expect(books.locator("h2")).to_have_text(["Book 4", "Book 1"])
    await expect(books.locator(CHIPS)).to_have_text(["lang: de ×"])
    await expect(books.locator("#notice")).to_be_hidden()
    await books.locator("#q").press("Enter")
    await expect(books).to_have_url("/?q=router&metadata.lang=de")


async def test_filters_in_an_address_survive_typing_before_the_service_has_answered(open_page, shelf):
    async with open_page(shelf) as page:
        await page.route("**/index*", lambda route: route.abort())
        await page.goto("/?metadata.lang=de")
        await page.locator("#q").fill("router")
        await expect(page).to_have_url("/?q=router&metadata.lang=de")
        await page.unroute("**/index*")
        await expect(page.locator("h2")).to_have_text(["Book 4", "Book 1"])


async def test_filters_are_chosen_with_the_keyboard_on_a_phone(open_page, shelf):
    async with open_page(shelf, viewport=PHONE) as page:
        await page.goto("/?q=router")
        await expect(page.locator(RESULTS)).to_have_count(7)
        await expect(group(page, "lang")).to_be_hidden()
        await page.locator("#limit").focus()
        for key in ("Tab", "Enter", "Tab", "Tab", "Space"):  # to the drawer, open it, to the second value, tick it
            await page.keyboard.press(key)
        await expect(page.locator("h2")).to_have_text(["Book 4", "Book 1"])
        await expect(tick(page, "lang", "de")).to_be_focused()
        await page.keyboard.press("Space")
        await expect(page.locator(RESULTS)).to_have_count(7)
        await page.keyboard.press("/")
        await expect(page.locator("#q")).to_be_focused()


async def test_while_somebody_chooses_news_change_counts_but_move_nothing(books: Page, shelf):
    await books.goto("/?q=router")
    await tick(books, "lang", "en").focus()
    for number in range(3):
        now = time.time()
        shelf.reader.put(f"new-{number}", "A router.", lang="fr", event_time=now, searchable_at=now + number)
    await expect(group(books, "lang").locator("label")).to_have_text(["en3", "de2", "fr5"])
    await expect(tick(books, "lang", "en")).to_be_focused()
    await books.locator("#q").focus()
    shelf.reader.put("new-3", "A router.", lang="fr", event_time=now, searchable_at=now + 3)
    await expect(group(books, "lang").locator("label")).to_have_text(["fr6", "en3", "de2"])


async def test_typing_counts_nothing_again(books: Page):
    asked = sent(books)
    await books.goto("/")
    await expect(group(books, "lang").locator("label")).to_have_count(3)
    await books.locator("#q").press_sequentially("router", delay=100)
    await expect(books.locator(RESULTS)).to_have_count(7)
    await tick(books, "lang", "en").check()
    await expect(books.locator(RESULTS)).to_have_count(3)
    counted = [each for each in asked if "facets" in each]
    assert [each.get("filters") for each in counted] == [
        {},
        {"must": [{"key": "metadata.lang", "match": {"any": ["en"]}}]},
    ]
    assert len(counted) < len(asked)


async def test_fields_that_cannot_be_counted_yet_keep_nobody_from_searching(books: Page, shelf):
    async def facets(*_, **__):
        raise PermanentError("count values", "there is no index of it")

    shelf.reader.facets = facets
    await books.goto("/?q=router&metadata.lang=de")
    await expect(books.locator("h2")).to_have_text(["Book 4", "Book 1"])
    await expect(books.locator("#notice")).to_be_hidden()
    await expect(books.locator(CHIPS)).to_have_text(["lang: de ×"])


@pytest.mark.parametrize("evil", ["<img src=x onerror=alert(1)>", "a..b", "é & = ?", ""])
async def test_any_value_can_be_chosen_and_is_text(books: Page, shelf, evil: str):
    shelf.reader.put("evil", "A router.", lang=evil)
    await books.goto("/?q=router")
    await group(books, "lang").locator("label").filter(has_text=evil or "(empty)").get_by_role("checkbox").check()
    await expect(books.locator(RESULTS)).to_have_count(1)
    await books.reload()
    await expect(books.locator(CHIPS)).to_have_text([f"lang: {evil or '(empty)'} ×"])
    await expect(books.locator(RESULTS)).to_have_count(1)
    await expect(books.locator("img")).to_have_count(0)


async def test_a_number_that_browsers_would_round_is_not_offered(books: Page, shelf):
    shelf.reader.put("big", "A router.", year=2**53 + 1)
    await books.goto("/?q=router")
    await expect(group(books, "year").first.get_by_role("checkbox")).to_have_count(7)
    await expect(group(books, "year").first).not_to_contain_text("9007199254740992")


async def test_more_values_than_are_listed_are_cut_and_a_chosen_one_stays(books: Page, shelf):
    for number in range(12):
        for copy in range(12 - number):
            shelf.reader.put(f"l{number}-{copy}", "A router.", lang=f"l{number:02}")
    await books.goto("/?q=router&metadata.lang=fr")
    await expect(group(books, "lang").get_by_role("checkbox")).to_have_count(9)
    await expect(tick(books, "lang", "fr")).to_be_checked()
    await expect(group(books, "lang").locator("label").last).to_have_text("fr2")


async def test_the_values_of_one_tenant_are_not_listed_for_another(open_page):
    world = new_shelf(tenants=True)
    for tenant, lang in (("acme", "en"), ("acme", "de"), ("globex", "en"), ("globex", "it")):
        world.reader.put(f"kb-{lang}", "A router.", tenant=tenant, lang=lang)
    async with world.serving(), open_page(world) as page:
        await page.goto("/?q=router&tenant=acme")
        await tick(page, "lang", "en").check()
        await expect(group(page, "lang").locator("label")).to_have_text(["de", "en1"])
        await page.get_by_label("Tenant").fill("globex")
        await expect(group(page, "lang").locator("label")).to_have_text(["en1", "it"])
        await expect(page.locator(RESULTS)).to_have_count(1)
        await page.get_by_label("Tenant").fill("")
        await expect(group(page, "lang").locator("label")).to_have_text(["en"])
        await page.get_by_label("Tenant").fill("globex")
        await expect(group(page, "lang").locator("label")).to_have_text(["en1", "it"])


async def test_an_answer_that_comes_while_the_index_cannot_be_asked_is_shown(books: Page, shelf):
    go_on, asked = asyncio.Event(), asyncio.Event()
    embed = shelf.embedder.embed

    async def slow(*given, **options):
        asked.set()
        await go_on.wait()
        return await embed(*given, **options)

    async def away(**_):
        raise TransientError("read the newest ledger record", "away")

    shelf.embedder.embed = slow
    await books.goto("/?q=router")
    await asked.wait()
    shelf.reader.newest = away
    await expect(books.locator("#freshness")).to_be_empty()
    go_on.set()
    await expect(books.locator(RESULTS)).to_have_count(7)
    await expect(books.locator("#said")).to_have_text("7 documents")


async def test_what_one_key_has_counted_is_not_for_the_next(open_page):
    async with new_shelf().serving(keys=keys(SEARCHER)) as world, open_page(world) as page:
        await page.goto("/?metadata.lang=de")
        field = page.get_by_label("Key", exact=True)
        await field.fill(SEARCHER.key)
        await page.keyboard.press("Enter")
        await expect(page.locator("h2")).to_have_text(["Book 4", "Book 1"])
        await page.get_by_role("button", name="Use another key").click()
        await expect(field).to_be_visible()
        await expect(page.locator(COUNTS)).to_have_count(0)
        await expect(page.locator(CHIPS)).to_have_count(0)
        await field.fill(SEARCHER.key)
        await page.keyboard.press("Enter")
        await expect(page.locator("h2")).to_have_text(["Book 4", "Book 1"])
        await expect(page.locator(CHIPS)).to_have_text(["lang: de ×"])
