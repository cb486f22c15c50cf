"""Settings of the HTTP service."""

from __future__ import annotations

from dataclasses import dataclass, field

from freshet.schemas.access import Key
from freshet.schemas.decoding import Rules
from freshet.search.limits.base import Limit


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """Limits and names. `allowed_hosts` are the names, beside loopback's, that Host and Origin may carry.

    `keys` are those of callers, `limit` that of each key that has none of its own, and `cors_origins` are the origins
    whose pages may ask here.
    `log_requests` and `log_queries` are those of `edge`.
    """

    rules: Rules = field(default_factory=Rules)
    allowed_hosts: frozenset[str] = frozenset()
    deadline_seconds: float = 10.0
    max_body_bytes: int = 8_000_000
    keys: tuple[Key, ...] = ()
    limit: Limit | None = None
    cors_origins: frozenset[str] = frozenset()
    log_requests: bool = False
    log_queries: bool = False
