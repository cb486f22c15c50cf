"""How the page searches: by what, with which reranker, and what it tells where something was changed or left out."""

import re
from typing import Any

import pytest
from playwright.async_api import Page, Request, expect

from freshet.schemas.errors import TransientError
from freshet.search.rerank.base import RerankTooLate
from tests.unit.search.http.world import World

RESULTS = "#results > li"


def sent(page: Page) -> list[dict[str, Any]]:
    """What is asked of the service, as it is asked."""
    bodies: list[dict[str, Any]] = []

    def on_request(request: Request) -> None:
        if request.url.endswith("/search"):
            bodies.append(dict(request.post_data_json or {}))

    page.on("request", on_request)
    return bodies


async def test_meaning_words_or_both_are_chosen_by_click_and_by_arrow_and_stand_in_the_address(page: Page, world):
    bodies = sent(page)
    await page.goto("/?q=router")
    ways = page.get_by_role("group", name="Search by")
    await expect(ways.get_by_role("radio", name="Both")).to_be_checked()
    await expect(page.locator(RESULTS)).to_have_count(3)
    await ways.get_by_role("radio", name="Words").click()
    await expect(page.locator(RESULTS)).to_have_count(1)
    await expect(page).to_have_url("/?q=router&mode=sparse")
    await expect(ways.get_by_role("radio", name="Words")).to_be_focused()
    await page.keyboard.press("ArrowLeft")
    await expect(page).to_have_url("/?q=router&mode=dense")
    await expect(page.locator(RESULTS)).to_have_count(3)
    await page.keyboard.press("ArrowLeft")
    await expect(page).to_have_url("/?q=router")
    await page.go_back()
    await expect(ways.get_by_role("radio", name="Meaning")).to_be_checked()
    assert {each["mode"] for each in bodies} == {"hybrid", "dense", "sparse"}


@pytest.mark.parametrize(
    ("mode", "told"),
    [
        ("dense", r"It stands at place 1 by meaning \(0\.\d{3}\)\."),
        ("sparse", r"It stands at place 1 by words \(\d\.\d\d\)\."),
    ],
)
async def test_of_one_list_alone_only_that_is_told(page: Page, mode: str, told: str):
    await page.goto(f"/?q=router&mode={mode}")
    why = page.locator(RESULTS).first.locator(".why")
    await why.locator("summary").click()
    await expect(why.locator("p").nth(2)).to_have_text(re.compile(f"^{told}$"))


async def test_there_is_a_switch_only_where_there_is_a_reranker(page: Page):
    bodies = sent(page)
    await page.goto("/?q=router&rerank=false")
    await expect(page.locator(RESULTS)).to_have_count(3)
    await expect(page.get_by_label("Rerank")).to_be_hidden()
    assert all("rerank" not in each for each in bodies)


async def test_reranking_is_switched_off_and_on_and_its_score_is_told(books: Page):
    await books.goto("/?q=router+number+0")
    await expect(books.locator("h2").first).to_have_text("Book 6")
    why = books.locator(RESULTS).first.locator(".why")
    await why.locator("summary").click()
    await expect(why).to_contain_text("Reranked: 0.60, by by-number.")
    await books.get_by_label("Rerank").uncheck()
    await expect(books.locator("h2").first).to_have_text("Book 0")
    await expect(books).to_have_url("/?q=router+number+0&rerank=false")
    await expect(books.locator(".reasons").first).not_to_contain_text("Reranked")
    await books.reload()
    await expect(books.get_by_label("Rerank")).not_to_be_checked()
    await expect(books.locator("h2").first).to_have_text("Book 0")
    await books.get_by_label("Rerank").press("Space")
    await expect(books.locator("h2").first).to_have_text("Book 6")
    await expect(books).to_have_url("/?q=router+number+0")


@pytest.mark.parametrize(
    ("failure", "told"),
    [(RerankTooLate("late"), "it was late"), (TransientError("rerank", "away"), "it is away or busy")],
)
async def test_an_answer_without_the_reranker_says_so_calmly(books: Page, reranker, failure, told):
    reranker.failure = failure
    await books.goto("/?q=router")
    await expect(books.locator("#degraded")).to_have_text(f"Answered without the reranker: {told}.")
    await expect(books.locator(RESULTS)).to_have_count(7)
    await expect(books.get_by_role("alert")).to_have_count(0)
    await books.evaluate(
        "new MutationObserver(() => (window.told = true)).observe(document.getElementById('degraded'),"
        " {childList: true, subtree: true, characterData: true})"
    )
    async with books.expect_response("**/search"):
        await books.locator("#q").press_sequentially(" number")
    await expect(books.locator("#results mark", has_text="number").first).to_be_visible()
    assert not await books.evaluate("window.told"), "what is the same is not said again"
    reranker.failure = None
    await books.locator("#q").fill("book")
    await expect(books.locator("#degraded")).to_be_empty()


async def test_what_was_changed_of_a_question_is_told_and_a_space_at_its_end_is_no_change(page: Page):
    await page.goto("/?q=router")
    await page.locator("#q").press_sequentially(" ")
    await expect(page.locator(RESULTS)).to_have_count(3)
    await expect(page.locator("#changed")).to_be_empty()
    await page.locator("#q").fill("light  router")
    await expect(page.locator("#changed")).to_have_text("Asked as “light router”: white space was made single spaces.")
    await page.locator("#q").fill("")
    await expect(page.locator("#changed")).to_be_empty()


async def test_documents_stay_where_they_are_while_somebody_types(books: Page, shelf: World):
    await books.goto("/?q=router")
    await expect(books.locator(RESULTS)).to_have_count(7)
    tops = {await books.locator("#results").evaluate("list => list.getBoundingClientRect().top")}
    for letter in " number 3":
        async with books.expect_response("**/search"):
            await books.locator("#q").press_sequentially(letter)
        tops.add(await books.locator("#results").evaluate("list => list.getBoundingClientRect().top"))
    assert len(tops) == 1
