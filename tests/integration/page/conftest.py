"""The page of a real service over documents in memory, in a real browser."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from playwright.async_api import Browser, Page

from tests.support.browser import new_page
from tests.unit.search.http.world import World

ROUTER = "Hold the button for ten seconds until the light of the router goes out."
PARCEL = "Bring the parcel and its label to any post office.\n" + "Keep the receipt that you get there. " * 40
Open = Callable[..., AbstractAsyncContextManager[Page]]


def fill(world: World) -> None:
    now = time.time()
    times: dict[str, Any] = {"event_time": now - 5, "searchable_at": now - 5}
    metadata: dict[str, Any] = {"lang": "en", "url": "https://help.example/router", "tags": ["a", "b"]}
    world.reader.put("kb-17", "Unplug the router first.", ROUTER, title="Reset the router", **times, **metadata)
    world.reader.put("kb-18", PARCEL, title="Return a parcel", **times)
    world.reader.put("kb-19", "Choose a new password of twelve characters or more.", **times)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    fill(world)
    async with world.serving():
        yield world


@pytest.fixture
def open_page(browser: Browser, world: World) -> Open:
    """`async with open_page() as page:`, of this world or another; options are those of a browser context."""
    return lambda of=world, **options: new_page(browser, f"http://127.0.0.1:{of.port}", **options)


@pytest.fixture
async def page(open_page: Open) -> AsyncIterator[Page]:
    async with open_page() as page:
        yield page
