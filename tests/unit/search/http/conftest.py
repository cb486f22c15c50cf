from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.unit.search.http.world import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Three documents behind a running service."""
    world = World()
    world.reader.put("cats", "the cat sat on a mat", title="Cats", lang="en")
    world.reader.put("dogs", "a dog barked loudly", "dogs chase the cat away", title="Dogs", price=12.5, gone=None)
    world.reader.put("rain", "rain fell upon the hills", title="Rain")
    async with world.serving():
        yield world
