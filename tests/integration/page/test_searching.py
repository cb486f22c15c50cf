"""What somebody sees who searches: `tests/e2e/test_page.py` has the real index."""

import asyncio
import re

from playwright.async_api import Page, expect

from freshet.schemas.errors import TransientError
from tests.support.waiting import wait_until

QUERY = "#q"
RESULTS = "#results > li"


async def test_results_come_as_one_types_with_the_words_marked_and_the_question_in_the_address(page: Page):
    await page.goto("/")
    await expect(page.locator(QUERY)).to_be_focused()
    await expect(page.locator("#said")).to_have_text("Ask a question, or describe what you are looking for.")
    await page.locator(QUERY).press_sequentially("light of the router")
    first = page.locator(RESULTS).first
    await expect(first.locator("h2")).to_have_text("Reset the router")
    await expect(first.locator("mark")).to_have_text(["light", "router"])
    await expect(first.locator("mark").first).to_have_text("light")
    await expect(page.locator("#said")).to_have_text("3 documents")
    await expect(page.locator("#took")).to_have_text(re.compile(r" in \d+ ms"))
    await expect(page).to_have_url(re.compile(r"/\?q=light\+of\+the\+router$"))
    await expect(page).to_have_title("light of the router – Freshet")


async def test_a_question_in_the_address_is_asked_at_once_and_going_back_asks_the_one_before(page: Page):
    await page.goto("/?q=parcel&limit=5")
    await expect(page.locator("h2").first).to_have_text("Return a parcel")
    await expect(page.locator("#limit")).to_have_value("5")
    await page.locator(QUERY).fill("router")
    await page.keyboard.press("Enter")
    await expect(page.locator("h2").first).to_have_text("Reset the router")
    await page.locator(QUERY).press_sequentially(" password")
    await expect(page).to_have_url(re.compile(r"q=router\+password&limit=5"))
    for question, best in (("router", "Reset the router"), ("parcel", "Return a parcel")):
        await page.go_back()
        await expect(page.locator(QUERY)).to_have_value(question)
        await expect(page.locator("h2").first).to_have_text(best)
        await expect(page).to_have_title(f"{question} – Freshet")


async def test_requests_that_nobody_waits_for_any_more_are_cancelled(page: Page, world):
    cancelled, answered, go_on = [], [], asyncio.Event()
    page.on("requestfailed", lambda request: cancelled.append((request.post_data_json or {}).get("query")))
    page.on("requestfinished", lambda request: answered.append((request.post_data_json or {}).get("query")))
    real = world.embedder.embed

    async def slow(texts, *, purpose="index"):
        await go_on.wait()
        return await real(texts, purpose=purpose)

    world.embedder.embed = slow
    await page.goto("/")
    for query in ("first", "second", "password"):
        async with page.expect_request(lambda request: request.url.endswith("/search")):
            await page.locator(QUERY).fill(query)
    await wait_until(lambda: cancelled == ["first", "second"], "the first two are cancelled")
    go_on.set()
    await expect(page.locator("h2").first).to_have_text("kb-19")
    assert [query for query in answered if query] == ["password"]


async def test_why_a_result_is_one_can_be_read(page: Page):
    await page.goto("/?q=router")
    why = page.locator(RESULTS).first.locator(".why")
    await expect(why.locator("table")).to_be_hidden()
    await why.locator("summary").click()
    await expect(why.locator("p").first).to_have_text("The passage above holds words of your question: router.")
    await expect(why.locator("tbody tr")).to_have_count(2)
    figures: list[str | re.Pattern[str]] = ["1", re.compile(r"0\.\d{3}"), re.compile(r"\d\.\d\d")]
    await expect(why.locator("tbody tr").first.locator("td")).to_have_text(figures)
    await expect(why.locator("p").nth(1)).to_have_text("Words looked for, by their stems: router.")
    standing = r"^It stands at place 1 by meaning \(0\.\d{3}\), at place 1 by words \(\d\.\d\d\). Both together: 1.00.$"
    await expect(why.locator("p").nth(2)).to_have_text(re.compile(standing))
    await expect(why.locator(".event")).to_have_text(re.compile(r"^Shown as of the event documents/0@\d+\.$"))
    other = page.locator(RESULTS).nth(1).locator(".why")
    await other.locator("summary").click()
    await expect(other.locator("p").first).to_have_text(re.compile("none of your words"))


async def test_what_belongs_to_a_document_is_shown_and_only_web_addresses_become_links(page: Page, world):
    world.reader.put("kb-20", "A trap for the router.", title="Trap", url="javascript:alert(1)")
    await page.goto("/?q=router")
    best = page.locator("li[data-id=kb-17]")
    await expect(best.locator("h2 a")).to_have_attribute("href", "https://help.example/router")
    await expect(best.locator(".id")).to_have_text("kb-17")
    await expect(best.locator("dt")).to_have_text(["lang", "url", "tags"])
    await expect(best.locator("dd").last).to_have_text('["a","b"]')
    await expect(page.locator("li[data-id=kb-20] h2")).to_have_text("Trap")
    await expect(page.locator("li[data-id=kb-20] a")).to_have_count(0)


async def test_a_long_passage_is_shown_in_part_until_it_is_asked_for(page: Page):
    await page.goto("/?q=parcel")
    item = page.locator(RESULTS).first
    short = await item.evaluate("item => item.offsetHeight")
    await item.get_by_role("button", name="Show all of it").click()
    assert await item.evaluate("item => item.offsetHeight") > short
    await item.get_by_role("button", name="Show less").click()
    assert await item.evaluate("item => item.offsetHeight") == short


async def test_what_a_document_holds_is_never_taken_for_html_and_marks_sit_where_they_should(page: Page, world):
    evil = "<img src=x onerror=alert(1)> 🦔🦔 the hedgehog <script>alert(2)</script>"
    world.reader.put("<b>id</b>", evil, title="<i>hedgehog</i>", note="</dd><script>alert(3)</script>")
    page.on("dialog", lambda dialog: dialog.dismiss())
    await page.goto("/?q=hedgehog")
    item = page.locator(RESULTS).first
    await expect(item.locator("h2")).to_have_text("<i>hedgehog</i>")
    await expect(item.locator(".text")).to_have_text(evil)
    await expect(item.locator("mark")).to_have_text("hedgehog")
    await expect(item.locator("img, script, i, b")).to_have_count(0)


async def test_nothing_found_and_nothing_indexed_are_told_apart(page: Page, world):
    records, world.reader.records = world.reader.records, {}
    stored, world.reader.stored = world.reader.stored, {}
    await page.goto("/")
    await expect(page.locator("#said")).to_have_text("Nothing is indexed yet.")
    await page.locator(QUERY).fill("router")
    await expect(page.locator("#said")).to_have_text("Nothing was found.")
    world.reader.records, world.reader.stored = records, stored
    await expect(page.locator(RESULTS)).to_have_count(3)


async def test_a_question_that_cannot_be_answered_says_why(page: Page):
    await page.goto("/?q=router&tenant=acme")
    await expect(page.locator(RESULTS)).to_have_count(3)  # where tenants are off the address may name one in vain
    await page.locator(QUERY).fill("\u200b")
    await expect(page.locator("#notice")).to_have_text(
        "The request is not valid: query: is empty: ask with at least one visible character, "
        "or give filters to list what passes them"
    )
    await expect(page.locator(RESULTS)).to_have_count(0)
    await page.locator(QUERY).fill("router")
    await expect(page.locator("#notice")).to_be_hidden()


async def test_a_part_that_is_away_is_told_and_the_page_goes_on_by_itself(page: Page, world):
    world.embedder.failure = TransientError("embed", "the model is away")
    await page.goto("/?q=router")
    await expect(page.locator("#notice")).to_contain_text("Trying again…")
    world.embedder.failure = None
    await expect(page.locator(RESULTS)).to_have_count(3)
    await expect(page.locator("#notice")).to_be_hidden()

    world.reader.failure = TransientError("find passages", "Qdrant is away")
    await page.locator(QUERY).fill("parcel")
    await expect(page.locator("#notice")).to_contain_text("Trying again…")
    world.reader.failure = None
    await expect(page.locator("h2").first).to_have_text("Return a parcel")
    await expect(page.locator("#notice")).to_be_hidden()


async def test_when_the_service_is_gone_what_was_found_stays_and_when_it_is_back_the_page_goes_on(page: Page):
    await page.goto("/?q=router")
    await expect(page.locator(RESULTS)).to_have_count(3)
    await page.context.set_offline(offline=True)
    await page.locator(QUERY).fill("parcel")
    await expect(page.locator("#notice")).to_have_text("The search service does not answer. Trying again…")
    await expect(page.locator(RESULTS)).to_have_count(3)
    await page.context.set_offline(offline=False)
    await expect(page.locator("h2").first).to_have_text("Return a parcel")
    await expect(page.locator("#notice")).to_be_hidden()
    await expect(page.locator("#freshness")).to_contain_text("3 documents")


async def test_everything_can_be_done_with_the_keyboard(page: Page):
    await page.goto("/?q=router")
    await expect(page.locator(RESULTS)).to_have_count(3)
    await page.keyboard.press("ArrowDown")
    await expect(page.locator(RESULTS).first).to_be_focused()
    await page.keyboard.press("ArrowDown")
    await expect(page.locator(RESULTS).nth(1)).to_be_focused()
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("Tab")  # the link of its title
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.locator(RESULTS).first.locator(".why table")).to_be_visible()
    await page.keyboard.press("/")
    await expect(page.locator(QUERY)).to_be_focused()
    await page.keyboard.type("parcel")
    await expect(page.locator(QUERY)).to_have_value("parcel")
    await expect(page.locator("h2").first).to_have_text("Return a parcel")


async def test_one_says_of_a_result_whether_it_was_useful_and_of_the_next_question_anew(page: Page, world):
    await page.goto("/?q=router")
    first = page.locator(RESULTS).first
    useful, not_useful = (first.get_by_role("button", name=name, exact=True) for name in ("Useful", "Not useful"))
    await useful.click()
    await expect(first.locator("[role=status]")).to_have_text("Thank you.")
    await expect(useful).to_have_attribute("aria-pressed", "true")
    await not_useful.click()
    await expect(useful).to_have_attribute("aria-pressed", "false")
    await wait_until(lambda: len(world.quality.judgements) == 2, "both were said")
    asked = {each.query_id: each.query for each in world.quality.answers}
    assert {(asked[each.query_id], each.id) for each in world.quality.judgements} == {("router", "kb-17")}
    assert [each.score for each in world.quality.judgements] == [1, 0]

    await page.locator(QUERY).fill("light router")
    await expect(not_useful).to_have_attribute("aria-pressed", "false")
    world.quality.failure = TransientError("write to Kafka", "no broker answers")
    await useful.click()
    await expect(first.locator("[role=status]")).to_contain_text("could not write to Kafka")
    await expect(useful).to_have_attribute("aria-pressed", "false")
