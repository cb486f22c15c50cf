"""Chromium without windows, as the system has it, and what its pages complain about."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, ConsoleMessage, Page, Request, async_playwright, expect

PROGRAM = "/usr/bin/chromium-headless-shell"
# The sandbox wants rights that containers lack; the rest is what would call home.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
WAIT_MS = 15_000
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1440, "height": 900}


@asynccontextmanager
async def running_browser() -> AsyncIterator[Browser]:
    expect.set_options(timeout=WAIT_MS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=PROGRAM, args=ARGUMENTS)
        yield browser
        await browser.close()


@asynccontextmanager
async def new_page(browser: Browser, url: str, **options: Any) -> AsyncIterator[Page]:
    """A page of a visitor who was never here. At the end it must not have failed, nor asked anybody but `url`."""
    context = await browser.new_context(base_url=url, **{"viewport": DESK, **options})
    page = await context.new_page()
    page.set_default_timeout(WAIT_MS)
    complaints: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        # That an answer was an error is no fault of the page.
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            complaints.append(message.text)

    def on_request(request: Request) -> None:
        if not request.url.startswith((f"{url}/", "data:")):
            complaints.append(f"asks for {request.url}")

    page.on("console", on_console)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", on_request)
    yield page
    await context.close()
    assert complaints == []


async def expect_no_barriers(page: Page) -> None:
    """Nothing that axe-core knows to keep people out."""
    # What is moving has no colour yet that could be judged.
    await page.evaluate("Promise.all(document.getAnimations().map((each) => each.finished.catch(() => null)))")
    found = await Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


async def expect_no_sideways_scrolling(page: Page) -> None:
    assert await page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
