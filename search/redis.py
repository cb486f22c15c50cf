"""What the adapters of Redis have in common: none may cost a request more than its time budget."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from freshet.schemas.errors import DeniedError, SettingsError
from freshet.search.tls import distrust, trust

Answer = TypeVar("Answer")

PAUSE: Final = 2.0
_TELL_AGAIN: Final = 60.0
_LOGIN: Final = "check the user and the password in FRESHET_REDIS__URL"
_CERTIFICATE: Final = "FRESHET_REDIS__CA_FILE must hold the certificate of whoever signed it"


def connect(url: str, *, timeout: float, ca_file: Path | None = None) -> Redis:
    """A client: `timeout` seconds to connect, and no retries, because doing without is cheaper than waiting.

    `ca_file` holds certificates (PEM) that a server of a rediss:// address is checked against, beside the system's.
    Raises SettingsError, without a word of the address, which may hold a password.
    """
    options: dict[str, Any] = {}
    if ca_file is not None:
        if not url.startswith("rediss://"):
            raise SettingsError("FRESHET_REDIS__CA_FILE: means nothing with an address that is not rediss://")
        trust(ca_file, "FRESHET_REDIS__CA_FILE")  # the client would look into it when it first connects
        options["ssl_ca_certs"] = str(ca_file)
    try:
        return Redis.from_url(
            url, socket_connect_timeout=timeout, socket_timeout=timeout, retry=Retry(NoBackoff(), 0), **options
        )
    except ValueError as error:
        form = "redis://host:6379/0, rediss://… or unix://…"
        raise SettingsError(f"FRESHET_REDIS__URL is no address of the form {form}") from error


async def demand_access(client: Redis) -> None:
    """Raise DeniedError where the server refuses the user or is not to be trusted, and not where it is away."""
    try:
        await client.ping()
    except AuthenticationError as error:
        raise DeniedError("connect to Redis", str(error), hint=_LOGIN) from error
    except (RedisError, OSError, TimeoutError) as error:  # also of a user that may not ping
        if reason := distrust(error):
            raise DeniedError("connect to Redis", reason, hint=_CERTIFICATE) from error


class Breaker:
    """Runs calls within a time budget; after a failure none for a while. Logs when the trouble begins and ends.

    A call that the server refuses, because it is full or a replica, has cost no time, and others may go well: it is
    told once a minute, and nothing is left out. In the log `what` fails, and is done `without` until it works again;
    `action` begins the names of the lines.
    """

    def __init__(
        self,
        *,
        what: str,
        without: str,
        action: str,
        logger: logging.Logger,
        timeout: float,
        pause: float = PAUSE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what = what
        self._without = without
        self._action = action
        self._logger = logger
        self._timeout = timeout
        self._pause = pause
        self._clock = clock
        self._closed_until = 0.0
        self._down = False
        self._refusal_told_until = -math.inf

    async def run(self, call: Callable[[], Awaitable[Answer]]) -> Answer | None:
        """What `call` gives, or None where it failed, took too long, or was not tried."""
        if self._down and self._clock() < self._closed_until:
            return None
        try:
            async with asyncio.timeout(self._timeout):
                answer = await call()
        except ResponseError as error:
            self._answered()
            self._refused(error)
            return None
        except (RedisError, OSError, TimeoutError) as error:
            self._failed(error)
            return None
        self._answered()
        return answer

    def _answered(self) -> None:
        if self._down:
            self._down = False
            self._logger.info("%s works again", self._what, extra={"action": f"{self._action}_back"})

    def _failed(self, error: Exception) -> None:
        self._closed_until = self._clock() + self._pause
        if not self._down:
            self._down = True
            self._warn("%s fails (%s: %s); %s until it is back", error, "away")

    def _refused(self, error: Exception) -> None:
        if self._clock() >= self._refusal_told_until:
            self._refusal_told_until = self._clock() + _TELL_AGAIN
            self._warn("%s had a call refused (%s: %s); as far as that goes, %s", error, "refused")

    def _warn(self, told: str, error: Exception, action: str) -> None:
        extra = {"action": f"{self._action}_{action}"}
        self._logger.warning(told, self._what, type(error).__name__, error, self._without, extra=extra)
