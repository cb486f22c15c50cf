"""Reranking by a server: text-embeddings-inference, Infinity, vLLM, Jina, Cohere, and what else speaks their wire."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx
import numpy as np

from freshet.schemas.errors import (
    DeniedError,
    OutsideError,
    OverloadedError,
    PermanentError,
    SettingsError,
    TransientError,
)
from freshet.search.loopback import is_loopback
from freshet.search.rerank.base import RerankModel, Scores
from freshet.search.rerank.dialects import DIALECTS, OPERATION, Api, scores_of
from freshet.search.retry_after import retry_after

_AT_ONCE: Final = 4
_DEFAULT_WAIT: Final = 1.0
_LARGEST_ANSWER: Final = 8_000_000  # some servers send the texts back
_LONGEST_MESSAGE: Final = 300
_DENIED: Final = {
    401: "check the API key",
    403: "the API key has no right to this model",
    404: "check the base URL, the API and the model's name",
    405: "check the base URL and the API",
}


@dataclass(frozen=True, slots=True)
class RerankServer:
    """Where `POST {base_url}/rerank` answers. `batch` is the most texts in a request, by the API when not given."""

    base_url: str
    api: Api
    model: str
    api_key: str | None = None
    batch: int | None = None
    timeout: float = 60.0  # a bound for whoever gives none of their own: the largest budget of the settings


class HTTPReranker:
    """A model behind a server; nothing is sent before the first call. Raises SettingsError for what is no address."""

    def __init__(self, server: RerankServer) -> None:
        self._server = server
        self._dialect = DIALECTS[server.api]
        self._batch = server.batch or self._dialect.batch
        self._url = f"{server.base_url.rstrip('/')}/rerank"
        self._client = _client(server)
        self._turns = asyncio.Semaphore(_AT_ONCE)

    @property
    def model(self) -> RerankModel:
        return RerankModel("http", self._server.model)

    async def score(self, query: str, texts: Sequence[str]) -> Scores:
        """As `Reranker.score`. Long texts are cut by the server."""
        starts = range(0, len(texts), self._batch)
        tasks = [asyncio.ensure_future(self._in_turn(query, texts[at : at + self._batch])) for at in starts]
        try:
            return np.concatenate([np.empty(0, np.float32), *await asyncio.gather(*tasks)])
        finally:
            for task in tasks:
                task.cancel()

    async def close(self) -> None:
        """Idempotent."""
        await self._client.aclose()

    async def _in_turn(self, query: str, texts: Sequence[str]) -> Scores:
        async with self._turns:
            answer = await self._ask(self._dialect.body(self._server.model, query, list(texts)))
        return scores_of(answer, self._dialect, len(texts))

    async def _ask(self, body: Any) -> Any:
        try:
            content = json.dumps(body, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise PermanentError(OPERATION, f"a text is not valid Unicode ({error})") from error
        try:
            async with (
                asyncio.timeout(self._server.timeout),
                self._client.stream("POST", self._url, content=content) as answer,
            ):
                return _parsed(answer, await _read(answer))
        except TimeoutError as error:
            raise TransientError(OPERATION, f"no answer within {self._server.timeout:g} s") from error
        except (httpx.HTTPError, RuntimeError) as error:  # the latter from a client that was closed
            message = f"{type(error).__name__}: {error}"
            raise TransientError(OPERATION, message, hint="is the server up and reachable?") from error


def _client(server: RerankServer) -> httpx.AsyncClient:
    headers = {"Content-Type": "application/json"}
    if server.api_key:
        headers["Authorization"] = f"Bearer {server.api_key}"
    try:
        host = httpx.URL(server.base_url).host
    except httpx.InvalidURL as error:
        raise SettingsError(f"is no address: {error}") from error
    # A proxy of the environment must never see what stays on this machine.
    return httpx.AsyncClient(headers=headers, timeout=server.timeout, trust_env=not is_loopback(host))


async def _read(answer: httpx.Response) -> bytes:
    content = bytearray()
    async for part in answer.aiter_bytes():
        content += part
        if len(content) > _LARGEST_ANSWER:
            raise DeniedError(OPERATION, f"the answer is longer than {_LARGEST_ANSWER:,} bytes")
    return bytes(content)


def _parsed(answer: httpx.Response, content: bytes) -> Any:
    if answer.status_code != httpx.codes.OK:
        raise _translated(answer, content)
    try:
        return json.loads(content)
    except ValueError as error:
        raise TransientError(OPERATION, "the answer is not JSON", hint="is it the right address?") from error


def _translated(answer: httpx.Response, content: bytes) -> OutsideError:
    """An answer that is an error as one of ours, by what the caller may do about it."""
    status = answer.status_code
    message = f"{status} {' '.join(content.decode(errors='replace').split())[:_LONGEST_MESSAGE]}".strip()
    if status in (429, 503):
        wait = retry_after(answer.headers)
        return OverloadedError(OPERATION, message, retry_after=_DEFAULT_WAIT if wait is None else wait)
    if status >= 500 or status in (408, 409, 424):  # 424: what runs TEI's model failed
        return TransientError(OPERATION, message)
    if status in _DENIED or status < 400:
        return DeniedError(OPERATION, message, hint=_DENIED.get(status, "check the base URL"))
    return PermanentError(OPERATION, message, hint="fewer texts in a request, where it says that they are too many")
