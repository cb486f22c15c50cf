"""Redis over TLS, and as a user with no more rights than caches and limits need."""

import re
import shlex
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest
from redis.asyncio import Redis

from freshet.schemas.errors import DeniedError, SettingsError
from freshet.search.embedding.cache import CachedVector
from freshet.search.embedding.redis import RedisEmbeddingCache
from freshet.search.limits.base import Limit
from freshet.search.limits.memory import MemoryLimiter
from freshet.search.limits.redis import RedisLimiter
from freshet.search.redis import connect, demand_access
from freshet.search.results.leftovers import Wanted, find_leftovers
from freshet.search.results.redis import RedisResults
from tests.support.certificates import Authority
from tests.support.servers import LOGS, LocalRedis, log_file
from tests.support.waiting import wait_until

ROOT = LOGS.parents[1]


@pytest.fixture
async def redis(authority: Authority, tmp_path: Path, log_name: Callable[[str], str]) -> AsyncIterator[LocalRedis]:
    pair = authority.issue("redis")
    server = LocalRedis(folder=tmp_path / "redis", log=log_file(log_name("redis")), certificate=pair)
    await server.start()
    yield server
    await server.stop()


async def demand(url: str, ca_file: Path | None = None) -> None:
    client = connect(url, timeout=5, ca_file=ca_file)
    try:
        await demand_access(client)
    finally:
        await client.aclose()


async def keep_a_vector(client: Redis) -> None:
    cache = RedisEmbeddingCache(client, timeout=5)
    await cache.put_many({"a": CachedVector(np.ones(8, dtype=np.float32), 7)})
    assert await cache.get_many(["a"]) != [None]


async def share_an_answer(client: Redis) -> None:
    results = RedisResults(client, timeout=5)
    await results.put("a", b"answer", ttl=60)

    async def is_there() -> bool:
        return await results.get("a") == b"answer"

    await wait_until(is_there, "the answer is shared")


async def test_vectors_are_kept_over_tls(redis: LocalRedis, authority: Authority):
    await demand(redis.tls_url, authority.ca)
    client = connect(redis.tls_url, timeout=5, ca_file=authority.ca)
    await keep_a_vector(client)
    await client.aclose()


async def test_the_users_of_the_documentation_may_do_what_the_processes_do(redis: LocalRedis, caplog):
    page = (ROOT / "docs" / "security.md").read_text()
    users = [shlex.split(line) for line in re.findall(r"^redis-cli (ACL SETUSER .*)", page, re.MULTILINE)]
    assert [user[2] for user in users] == ["freshet-worker", "freshet-search", "freshet-operator"]
    admin = connect(redis.url, timeout=5)
    for _, _, name, _, password, *_ in users:
        await admin.execute_command(*next(user for user in users if user[2] == name))
        client = connect(redis.url.replace("redis://", f"redis://{name}:{password[1:]}@"), timeout=5)
        await keep_a_vector(client)
        if name == "freshet-search":
            await share_an_answer(client)
            await RedisLimiter(client, alone=MemoryLimiter(), timeout=5).take("somebody", Limit(1, 1))
        if name == "freshet-operator":
            await find_leftovers(client, Wanted("documents", "a", "a"), seconds=10)
        await client.aclose()
    await admin.aclose()
    assert caplog.messages == []  # where Redis refuses, the limiter would count alone and say so


async def test_a_server_with_a_certificate_of_others_is_refused(redis: LocalRedis, strangers: Authority):
    for ca_file in (strangers.ca, None):
        with pytest.raises(DeniedError, match=r"not to be trusted.*FRESHET_REDIS__CA_FILE"):
            await demand(redis.tls_url, ca_file)


async def test_a_wrong_password_is_refused_and_a_server_that_is_away_is_not(redis: LocalRedis):
    client = connect(redis.url, timeout=5)
    await client.execute_command("ACL", "SETUSER", "cache", "on", ">pa55word", "~freshet:*", "+get")
    await client.aclose()
    await demand(redis.url.replace("redis://", "redis://cache:pa55word@"))  # though it may not ping
    with pytest.raises(DeniedError, match="FRESHET_REDIS__URL") as raised:
        await demand(redis.url.replace("redis://", "redis://cache:wrong@"))
    assert "wrong@" not in str(raised.value)
    await redis.stop()
    await demand(redis.url)


def test_certificates_that_cannot_be_used_are_a_mistake_in_the_settings(authority: Authority, tmp_path: Path):
    with pytest.raises(SettingsError, match="FRESHET_REDIS__CA_FILE"):
        connect("redis://127.0.0.1:6379", timeout=1, ca_file=authority.ca)
    with pytest.raises(SettingsError, match="FRESHET_REDIS__CA_FILE"):
        connect("rediss://127.0.0.1:6379", timeout=1, ca_file=tmp_path / "nothing.pem")
