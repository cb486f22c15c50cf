"""The first minutes of `freshet demo`: until it can be searched, until all is indexed, again, and a change on the page.

The demo is started as people start it, over an empty data folder and an empty cache, so that Kafka and the model are
downloaded. Then it is ended and started again. The page is open in Chromium while another process publishes a change
with `curl`: the clock runs from before that process starts until the new text stands on the page.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Final

from playwright.async_api import Page

from benchmarks.figures import Figure
from benchmarks.stack import Given
from freshet.cli.demo_text import DOCUMENT, DOCUMENT_ID, DOCUMENT_QUERY
from freshet.cli.output import warn
from freshet.cli.progress import progress_bar
from freshet.local.processes import LocalPartError
from freshet.search.recent import quantile
from tests.support.browser import PROGRAM, new_page, running_browser
from tests.support.demo import Demo

CHANGES: Final = 100
PAUSE_SECONDS: Final = (0.8, 1.2)


async def run(given: Given) -> list[Figure]:
    """Time the first start, the second one, and changes on the page while that one runs."""
    if shutil.which(PROGRAM) is None:
        raise LocalPartError(f"the page is timed in Chromium, and there is no {PROGRAM}: `make programs` installs it")
    data, cache = given.folder / "data", given.folder / "cache"
    warn("the first start, with downloads")
    async with _demo(given.folder / "1", data, {"FRESHET_CACHE_DIR": str(cache)}) as (demo, first):
        await demo.until(lambda: " events in " in demo.err.read_text(), "everything is indexed")
        indexed = time.perf_counter() - first.began
    warn("the second start")
    async with _demo(given.folder / "2", data, {"FRESHET_CACHE_DIR": str(cache)}) as (demo, second):
        await demo.until(lambda: "\nready:" in demo.err.read_text(), "the worker consumes")
        seconds = await _changes(str(demo.address))
    return [
        Figure("start.first_searchable", first.seconds, "s"),
        Figure("start.first_indexed", indexed, "s"),
        Figure("start.second_searchable", second.seconds, "s", goal="<=20"),
        Figure("start.change_on_page_p50", quantile(seconds, 0.5), "s"),
        Figure("start.change_on_page_max", max(seconds), "s", goal="<=1"),
    ]


class _Started:
    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.seconds = 0.0


@asynccontextmanager
async def _demo(folder: Path, data: Path, environment: Mapping[str, str]) -> AsyncIterator[tuple[Demo, _Started]]:
    demo, started = Demo(folder, data), _Started()
    await demo.start(environment=environment)
    try:
        await demo.serving()
        started.seconds = time.perf_counter() - started.began
        yield demo, started
        demo.interrupt()
        await demo.end()
    finally:
        await demo.kill()


async def _changes(url: str) -> list[float]:
    seconds, random = [], Random(1)
    async with running_browser() as browser, new_page(browser, url) as page:
        await page.goto("/")
        await page.locator("#q").fill(DOCUMENT_QUERY)
        await page.locator("#results li").first.wait_for()
        with progress_bar("changing", CHANGES) as advance:
            for number in range(CHANGES):
                seconds.append(await _until_shown(page, url, number))
                advance(1)
                await asyncio.sleep(random.uniform(*PAUSE_SECONDS))
    return seconds


async def _until_shown(page: Page, url: str, number: int) -> float:
    text = f"{DOCUMENT['text']} (edit {number})"
    began = time.perf_counter()
    curl = await asyncio.create_subprocess_exec(
        *("curl", "--silent", "--fail", "-X", "PUT", f"{url}/documents/{DOCUMENT_ID}"),
        *("-H", "Content-Type: application/json", "-d", json.dumps({**DOCUMENT, "text": text})),
        stdout=asyncio.subprocess.DEVNULL,
    )
    if await curl.wait():
        raise LocalPartError("curl could not publish the change")
    await page.locator("#results .text", has_text=text).wait_for()
    return time.perf_counter() - began
