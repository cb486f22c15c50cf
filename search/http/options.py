"""Settings of the HTTP service."""

from __future__ import annotations

from dataclasses import dataclass, field

from freshet.schemas.decoding import Rules


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """Limits and names. `allowed_hosts` are the names, beside loopback's, that Host and Origin may carry.

    `log_requests` and `log_queries` are those of `edge`.
    """

    rules: Rules = field(default_factory=Rules)
    allowed_hosts: frozenset[str] = frozenset()
    deadline_seconds: float = 10.0
    max_body_bytes: int = 8_000_000
    log_requests: bool = False
    log_queries: bool = False
