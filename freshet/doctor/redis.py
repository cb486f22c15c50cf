"""Redis, where one is configured."""

from __future__ import annotations

from typing import Final

from freshet.doctor.findings import CHECK_SECONDS, Finding, Mark
from freshet.search.embedding.redis import KEY_PREFIX as VECTORS
from freshet.search.embedding.redis import RedisFacts, describe_server
from freshet.search.redis import connect
from freshet.search.results.redis import KEY_PREFIX as ANSWERS
from freshet.settings import Settings

_REFUSES_WHEN_FULL: Final = "noeviction"


async def check_redis(settings: Settings) -> tuple[Finding, RedisFacts | None]:
    """Whether it answers, fast enough for the searches, and makes room when it is full."""
    if settings.redis.url is None:
        return Finding("Redis", Mark.OK, "not configured: caches live in the process"), None
    client = connect(settings.redis.url.get_secret_value(), timeout=CHECK_SECONDS, ca_file=settings.redis.ca_file)
    try:
        facts = await describe_server(client, prefixes=(VECTORS, ANSWERS))
    finally:
        await client.aclose()
    return _judge(facts, patience=settings.redis.timeout_seconds), facts


def _judge(facts: RedisFacts, *, patience: float) -> Finding:
    version = f"version {facts.version} " if facts.version else ""
    text = f"{version}answered in {facts.seconds * 1000:.1f} ms, {_memory(facts)}"
    if facts.seconds > patience:
        hint = "a search waits no longer than FRESHET_REDIS__TIMEOUT_SECONDS, and goes on without the cache"
        return Finding("Redis", Mark.WARN, text, hint)
    if facts.max_bytes and facts.policy == _REFUSES_WHEN_FULL:
        hint = "when it is full it takes nothing new; set maxmemory-policy to allkeys-lru"
        return Finding("Redis", Mark.WARN, text, hint)
    return Finding("Redis", Mark.OK, text)


def _memory(facts: RedisFacts) -> str:
    if facts.max_bytes is None:
        return "and does not tell its limit of memory"
    return f"at most {facts.max_bytes:,} bytes ({facts.policy})" if facts.max_bytes else "no limit of memory"
