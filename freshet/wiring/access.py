"""Who may reach the search service, and what it is told of its callers."""

from __future__ import annotations

from contextlib import AsyncExitStack

from freshet.schemas.errors import SettingsError
from freshet.search.http.options import HttpOptions
from freshet.search.limits.base import Limit, Limiter
from freshet.search.limits.memory import MemoryLimiter
from freshet.search.loopback import is_loopback
from freshet.settings import Settings


def check_exposure(settings: Settings) -> None:
    """Raise SettingsError where whoever reaches this machine could search and publish without having been asked."""
    given = settings.search
    if given.keys or given.open or is_loopback(given.host):
        return
    raise SettingsError(
        f"FRESHET_SEARCH__KEYS: there are no keys, and FRESHET_SEARCH__HOST={given.host} lets others in: make a key "
        "with `freshet keys new`, or set FRESHET_SEARCH__OPEN=true where something else keeps strangers out"
    )


def http_options(settings: Settings) -> HttpOptions:
    """The settings of the HTTP service, as it takes them."""
    given = settings.search
    return HttpOptions(
        rules=settings.rules,
        allowed_hosts=frozenset(given.allowed_hosts),
        deadline_seconds=given.deadline_seconds,
        max_body_bytes=given.max_body_bytes,
        keys=given.keys,
        limit=Limit(given.rate, given.burst) if given.rate else None,
        cors_origins=frozenset(given.cors_origins),
        log_requests=given.log_requests,
        log_queries=given.log_queries,
    )


def open_limiter(settings: Settings, stack: AsyncExitStack) -> Limiter:
    """What counts the requests of keys, closed with the stack; together with other processes where there is a Redis."""
    limiter = _limiter(settings)
    stack.push_async_callback(limiter.close)
    return limiter


def _limiter(settings: Settings) -> Limiter:
    alone = MemoryLimiter()
    if settings.redis.url is None or not settings.search.keys:
        return alone
    from freshet.search.limits.redis import RedisLimiter
    from freshet.search.redis import connect

    timeout = settings.redis.timeout_seconds
    client = connect(settings.redis.url.get_secret_value(), timeout=timeout, ca_file=settings.redis.ca_file)
    return RedisLimiter(client, alone=alone, timeout=timeout)
