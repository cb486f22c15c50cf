"""Takes the pictures that the README shows, of a demo that runs at the address given."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Final

from tests.support.browser import new_page, running_browser

FOLDER: Final = Path(__file__).parents[1] / "docs" / "images"
QUERY: Final = "what is the median of these numbers"
PICTURES: Final = {"light": "search-page.png", "dark": "search-page-dark.png"}
SIZE: Final = {"width": 880, "height": 720}


async def take(url: str) -> None:
    FOLDER.mkdir(exist_ok=True)
    async with running_browser() as browser:
        for scheme, name in PICTURES.items():
            async with new_page(browser, url, color_scheme=scheme, viewport=SIZE) as page:
                await page.goto("/")
                await page.locator("#q").fill(QUERY)
                await page.locator("#results > li").first.wait_for()
                await page.screenshot(path=FOLDER / name, animations="disabled")


if __name__ == "__main__":
    asyncio.run(take(sys.argv[1].rstrip("/")))
