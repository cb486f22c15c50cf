"""What Freshet relies on of a Qdrant server, asked of the local engine or, where FRESHET_TEST_QDRANT_URL names one, of
that server (its key, if it has one, in FRESHET_TEST_QDRANT_KEY)."""

import os
import uuid
from collections.abc import AsyncIterator

import pytest
from qdrant_client import AsyncQdrantClient, models

from tests.contract.qdrant_server.engine import KEY, Engine, connect

SERVER = os.environ.get("FRESHET_TEST_QDRANT_URL")
DIMENSION = 4


@pytest.fixture(scope="session")
def qdrant_key() -> str | None:
    return os.environ.get("FRESHET_TEST_QDRANT_KEY") if SERVER else KEY


@pytest.fixture(scope="session")
async def qdrant_url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    if SERVER:
        yield SERVER
        return
    engine = Engine(tmp_path_factory.mktemp("engine") / "data")
    await engine.start()
    yield engine.url
    assert await engine.stop() == 0, engine.log


@pytest.fixture(scope="session")
async def qdrant_client(qdrant_url: str, qdrant_key: str | None) -> AsyncIterator[AsyncQdrantClient]:
    client = connect(qdrant_url, qdrant_key)
    yield client
    await client.close()


@pytest.fixture
async def collection(qdrant_client: AsyncQdrantClient) -> AsyncIterator[str]:
    """A fresh collection shaped like an index version: dense and sparse vectors, indexed payload fields."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    await qdrant_client.create_collection(
        name,
        vectors_config={"dense": models.VectorParams(size=DIMENSION, distance=models.Distance.COSINE)},
        sparse_vectors_config={"sparse": models.SparseVectorParams()},
        metadata={"fingerprint": "f1"},
    )
    for field in ("position", "partition"):
        await qdrant_client.create_payload_index(name, field, models.PayloadSchemaType.INTEGER)
    await qdrant_client.create_payload_index(name, "key", models.PayloadSchemaType.KEYWORD)
    tenant = models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True)
    await qdrant_client.create_payload_index(name, "tenant", tenant)
    yield name
    await qdrant_client.delete_collection(name)
