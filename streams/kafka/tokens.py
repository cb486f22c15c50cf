"""Tokens for OAUTHBEARER, by the grant of client credentials (RFC 6749, section 4.4)."""

from __future__ import annotations

import asyncio
import math
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote_plus

import aiohttp
from aiokafka.abc import AbstractTokenProvider
from aiokafka.errors import AuthenticationFailedError, KafkaConnectionError

ANSWER_SECONDS: Final = 10.0
RENEWED_AT: Final = 0.8  # of a token's life, so that none ends on its way
_TOLD: Final = 200  # characters of what the server says


class ClientTokens(AbstractTokenProvider):
    """Gives a client's token, the same one until most of its life is over."""

    def __init__(
        self,
        url: str,
        *,
        client: str,
        secret: str,
        scope: str | None = None,
        ca_file: Path | str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        login = aiohttp.encode_basic_auth(quote_plus(client), quote_plus(secret))  # RFC 6749, section 2.3.1
        self._headers = {"Authorization": login, "Accept": "application/json"}
        self._form = {"grant_type": "client_credentials", **({"scope": scope} if scope else {})}
        self._ca_file = ca_file
        self._clock = clock
        self._asking = asyncio.Lock()
        self._token = ""
        self._renew_at = 0.0

    async def token(self) -> str:
        """A token that is good now. Raises aiokafka's errors, which its clients know how to take.

        AuthenticationFailedError where the server refuses the client, KafkaConnectionError where it cannot be asked.
        """
        async with self._asking:
            if not self._token or self._clock() >= self._renew_at:
                self._token, seconds = await self._ask()
                self._renew_at = self._clock() + RENEWED_AT * seconds
            return self._token

    async def _ask(self) -> tuple[str, float]:
        """A new token and how many seconds it lives."""
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(
                    self._url, data=self._form, headers=self._headers, ssl=self._trust(), allow_redirects=False
                ) as answer,
            ):
                return _told(self._url, answer.status, await answer.json(content_type=None))
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            text = str(error) or type(error).__name__
            raise KafkaConnectionError(f"no token from {self._url}: {text}") from error

    def _trust(self) -> ssl.SSLContext:
        """The system's certificates, and those that the brokers are checked against."""
        context = ssl.create_default_context()
        if self._ca_file is not None:
            context.load_verify_locations(self._ca_file)
        return context


def _told(url: str, status: int, answer: Any) -> tuple[str, float]:
    if not isinstance(answer, dict):
        raise KafkaConnectionError(f"no token from {url}: it answers {status} without a JSON object")
    if status in (400, 401, 403):
        said = str(answer.get("error_description") or answer.get("error") or "")[:_TOLD]
        raise AuthenticationFailedError(f"{url} gives no token: {status} {said}".rstrip())
    token, seconds = answer.get("access_token"), _seconds(answer.get("expires_in", 0))
    if status != 200 or not isinstance(token, str) or not token or seconds is None:
        raise KafkaConnectionError(f"no token from {url}: it answers {status}")
    return token, seconds


def _seconds(told: Any) -> float | None:
    """A number, which some servers put in quotes; None for what is none."""
    try:
        seconds = float(told)
    except (TypeError, ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) else None
