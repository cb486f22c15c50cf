"""The page of a real service over documents in memory, in a real browser."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import numpy as np
import pytest
from playwright.async_api import Browser, Page

from freshet.schemas.fields import Kind
from freshet.search.rerank.base import RerankModel, Scores
from freshet.search.reranking import Reranking
from tests.support.browser import new_page
from tests.unit.search.http.world import MemoryReader, World

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


KINDS = {
    "lang": Kind.KEYWORD,
    "author.name": Kind.KEYWORD,
    "year": Kind.INTEGER,
    "open": Kind.BOOL,
    "price": Kind.FLOAT,
    "published": Kind.DATETIME,
    "note": Kind.TEXT,
}


def new_shelf(**options: Any) -> World:
    """Declared fields, and seven books, the first of which is the oldest; three English, two German, two French."""
    reader = MemoryReader()
    reader.fields = KINDS
    world = World(reader=reader, **options)
    now = time.time()
    for number, lang in enumerate(["en", "de", "fr", "en", "de", "fr", "en"]):
        reader.put(
            f"book-{number}",
            f"A book of the router, number {number}.",
            title=f"Book {number}",
            event_time=now - 60 + number,
            searchable_at=now - 60 + number,
            lang=lang,
            author={"name": "Ada" if number < 4 else "Grace"},
            year=2020 + number,
            open=number % 2 == 0,
            price=number + 0.5,
            published=f"2026-01-0{number + 1}T12:00:00Z",
        )
    return world


class Reranker:
    """Prefers the books with the higher numbers; where it fails, it fails."""

    model = RerankModel("test", "by-number")

    def __init__(self) -> None:
        self.failure: Exception | None = None

    async def rerank(self, _: str, texts: Sequence[str], *, within: float) -> Scores:
        assert within > 0
        if self.failure is not None:
            raise self.failure
        return np.array([int((re.sub(r"\D", "", text) or "0")[-1]) / 10 for text in texts], np.float32)

    async def close(self) -> None:
        return


@pytest.fixture
def reranker() -> Reranker:
    return Reranker()


@pytest.fixture
async def shelf(reranker: Reranker) -> AsyncIterator[World]:
    """A world with declared fields and a reranker."""
    async with new_shelf(reranking=Reranking(reranker, seconds=1)).serving() as world:
        yield world


@pytest.fixture
async def books(open_page: Open, shelf: World) -> AsyncIterator[Page]:
    """The page of the shelf."""
    async with open_page(shelf) as page:
        yield page


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
