"""Qdrant over TLS, and a key that is not the server's."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from freshet.local.engine import LocalQdrant
from freshet.local.processes import LOOPBACK
from freshet.schemas.errors import DeniedError
from freshet.search.index.qdrant.client import connect
from freshet.search.index.qdrant.versions import QdrantVersions
from tests.support.certificates import Authority
from tests.support.tls_proxy import TlsProxy


@pytest.fixture
async def engine(restartable_qdrant) -> LocalQdrant:
    engine: LocalQdrant = await restartable_qdrant()
    return engine


@pytest.fixture
async def url(engine: LocalQdrant, authority: Authority) -> AsyncIterator[str]:
    async with TlsProxy(engine.port, authority.issue("qdrant")) as proxy:
        yield f"https://{LOOPBACK}:{proxy.port}"


async def live(url: str, key: str, ca_file: Path | None) -> str | None:
    client = connect(url, api_key=key, ca_file=ca_file)
    try:
        return await QdrantVersions(client, index="documents").live()
    finally:
        await client.close()


async def test_an_index_is_reached_over_tls_with_its_key(url: str, engine: LocalQdrant, authority: Authority):
    assert await live(url, engine.api_key, authority.ca) is None
    with pytest.raises(DeniedError, match="FRESHET_QDRANT__API_KEY"):
        await live(url, "another", authority.ca)


async def test_a_server_with_a_certificate_of_others_is_refused_and_the_setting_named(
    url: str, engine: LocalQdrant, strangers: Authority
):
    for ca_file in (strangers.ca, None):
        with pytest.raises(DeniedError, match=r"not to be trusted.*FRESHET_QDRANT__CA_FILE"):
            await live(url, engine.api_key, ca_file)
