"""The world of the pages."""

from collections.abc import AsyncIterator

import pytest

from tests.e2e.docs.world import World, running_world
from tests.support.servers import Servers


@pytest.fixture(scope="package")
async def world(tmp_path_factory: pytest.TempPathFactory, redis_url: str, model_folder: object) -> AsyncIterator[World]:
    """Servers of its own, for the pages call index and topics by their usual names."""
    folder = tmp_path_factory.mktemp("docs")
    servers = Servers(folder)
    try:
        async with running_world(folder, servers, redis_url) as running:
            yield running
    finally:
        await servers.stop()
