"""The same tests against the engine behind REST and, as an independent oracle, the client's local mode."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator, Iterator

import pytest
from qdrant_client import AsyncQdrantClient

from freshet.search.index.qdrant.client import connect
from tests.contract.index.under_test import Index
from tests.support.servers import QdrantServer


@pytest.fixture(params=["engine", "local mode"])
def server(request: pytest.FixtureRequest) -> QdrantServer | None:
    """Where the engine listens, or None for the local mode."""
    return request.getfixturevalue("qdrant") if request.param == "engine" else None


@pytest.fixture
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Payload indexes have no effect in the local Qdrant")
        yield


@pytest.fixture
async def index(server: QdrantServer | None, _quiet: None) -> AsyncIterator[Index]:
    client = AsyncQdrantClient(":memory:") if server is None else connect(server.url, api_key=server.api_key)
    under_test = Index(client, in_process=server is None)
    try:
        await under_test.make()
        yield under_test
        await under_test.drop()
    finally:
        await client.close()
