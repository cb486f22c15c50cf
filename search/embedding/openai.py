"""Embedding by OpenAI's API, and by every server that speaks it (TEI, vLLM, Ollama, Infinity, ...)."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import openai

from freshet.schemas.errors import DeniedError, OutsideError, OverloadedError, PermanentError, TransientError
from freshet.search.embedding.base import Embedded, Model, Purpose, Vectors
from freshet.search.embedding.known import KNOWN
from freshet.search.embedding.vectors import unit
from freshet.search.models.tokens import estimated_ends
from freshet.search.retry_after import retry_after

OPENAI_URL: Final = "https://api.openai.com/v1"
_OPERATION: Final = "embed with the OpenAI API"
_TOKENS_A_REQUEST: Final = 300_000
_TOKENS_AN_INPUT: Final = 8_192
_AT_ONCE: Final = 4
_DEFAULT_WAIT: Final = 1.0
_NO_MORE_MONEY: Final = 60.0
_TOO_LONG: Final = re.compile(r"token|length|too (long|large|many)|batch size", re.IGNORECASE)
_HINTS: Final = {
    401: "check the API key",
    403: "the API key has no right to this model",
    404: "check the model's name and the base URL",
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What differs between servers that speak the API.

    `max_inputs` is the number of texts in a request (TEI takes 32 unless told otherwise); `max_tokens` the model's
    window; `dimensions` asks for shorter vectors where the model can give them; `encoding` "float" is for servers that
    refuse base64; `usd_per_million_tokens` is the price, known for OpenAI's own models.
    """

    model: str
    base_url: str = OPENAI_URL
    api_key: str | None = None
    dimensions: int | None = None
    max_inputs: int = 2048
    max_tokens: int = _TOKENS_AN_INPUT
    encoding: Literal["base64", "float"] = "base64"
    usd_per_million_tokens: float | None = None
    timeout: float = 60.0


class OpenAIEmbedder:
    """A model behind the API. `connect` makes one; nothing is retried here, the caller decides."""

    def __init__(self, endpoint: Endpoint, client: openai.AsyncOpenAI, dimension: int) -> None:
        self._endpoint = endpoint
        self._client = client
        self._turns = asyncio.Semaphore(_AT_ONCE)
        price = KNOWN.get(endpoint.model, (0, 0.0))[1]
        self._model = Model(
            provider="openai",
            name=endpoint.model,
            dimension=dimension,
            max_tokens=endpoint.max_tokens,
            usd_per_million_tokens=price
            if endpoint.usd_per_million_tokens is None
            else endpoint.usd_per_million_tokens,
        )

    @classmethod
    def connect(cls, endpoint: Endpoint) -> OpenAIEmbedder:
        """Make one. Blocks where the length of the model's vectors is not known: one word is embedded to learn it.

        Raises as `embed`.
        """
        dimension = endpoint.dimensions or KNOWN.get(endpoint.model, (0, 0.0))[0] or _ask_dimension(endpoint)
        return cls(endpoint, openai.AsyncOpenAI(**_client_options(endpoint)), dimension)

    @property
    def model(self) -> Model:
        return self._model

    async def embed(self, texts: Sequence[str], *, purpose: Purpose = "index") -> Embedded:  # noqa: ARG002 (one model for both)
        """As `Embedder.embed`: PermanentError for texts that are refused, DeniedError for a key or model that is."""
        tasks = [asyncio.ensure_future(self._in_turn(batch)) for batch in self._batches(texts)]
        try:
            answers = await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
        vectors = [vectors for vectors, _ in answers] or [np.empty((0, self._model.dimension), np.float32)]
        return Embedded(unit(np.concatenate(vectors)), sum(tokens for _, tokens in answers))

    def token_ends(self, text: str) -> Sequence[int]:
        """As `Embedder.token_ends`: estimated."""
        return estimated_ends(text)

    async def close(self) -> None:
        """Idempotent."""
        await self._client.close()

    def _batches(self, texts: Sequence[str]) -> Iterator[list[str]]:
        """Texts in order, cut at the window, in requests within the limits of the API."""
        batch: list[str] = []
        room = _TOKENS_A_REQUEST
        for text in texts:
            cut, tokens = self._cut(text)
            if batch and (len(batch) == self._endpoint.max_inputs or tokens > room):
                yield batch
                batch, room = [], _TOKENS_A_REQUEST
            batch.append(cut)
            room -= tokens
        if batch:
            yield batch

    def _cut(self, text: str) -> tuple[str, int]:
        ends, window = estimated_ends(text), self._endpoint.max_tokens
        # The API refuses an empty input; white space is what comes nearest to it.
        return (text or " ", len(ends)) if len(ends) <= window else (text[: ends[window - 1]], window)

    async def _in_turn(self, texts: list[str]) -> tuple[Vectors, int]:
        async with self._turns:
            return await self._divide(texts)

    async def _divide(self, texts: list[str]) -> tuple[Vectors, int]:
        """Send texts; what the server finds too long is sent in halves, a single text only by its first half."""
        try:
            return await self._request(texts)
        except _TooLongError:
            if len(texts) == 1 and len(texts[0]) == 1:
                raise
        if len(texts) == 1:
            return await self._divide([texts[0][: len(texts[0]) // 2]])
        middle = len(texts) // 2
        first, first_tokens = await self._divide(texts[:middle])
        second, second_tokens = await self._divide(texts[middle:])
        return np.concatenate([first, second]), first_tokens + second_tokens

    async def _request(self, texts: list[str]) -> tuple[Vectors, int]:
        try:
            answer = await self._client.embeddings.create(**_request_body(self._endpoint, texts))
        except openai.APIError as error:
            raise _translate(error) from error
        except UnicodeEncodeError as error:
            raise PermanentError(_OPERATION, f"a text is not valid Unicode ({error})") from error
        vectors = _vectors(answer, len(texts), self._model.dimension)
        used = answer.usage.prompt_tokens if answer.usage else None
        return vectors, used or sum(len(estimated_ends(text)) for text in texts)


def _client_options(endpoint: Endpoint) -> dict[str, Any]:
    """A key and an address are always given, so that none comes from OpenAI's environment variables unasked."""
    key, url = endpoint.api_key or "none", endpoint.base_url
    return {"api_key": key, "base_url": url, "timeout": endpoint.timeout, "max_retries": 0}


def _request_body(endpoint: Endpoint, texts: list[str]) -> dict[str, Any]:
    body: dict[str, Any] = {"input": texts, "model": endpoint.model, "encoding_format": endpoint.encoding}
    if endpoint.dimensions:
        body["dimensions"] = endpoint.dimensions
    if not endpoint.api_key:
        body["extra_headers"] = {"Authorization": openai.Omit()}
    return body


def _ask_dimension(endpoint: Endpoint) -> int:
    with openai.OpenAI(**_client_options(endpoint)) as client:
        try:
            answer = client.embeddings.create(**_request_body(endpoint, ["word"]))
        except openai.APIError as error:
            raise _translate(error) from error
    return int(_vectors(answer, 1, None).shape[1])


class _TooLongError(PermanentError):
    """The server says that there is too much text in a request."""


def _vectors(answer: Any, count: int, dimension: int | None) -> Vectors:
    """The vectors of an answer in the order of the texts.

    Raises DeniedError where the server gives what was not asked for, which is no text's fault, TransientError where it
    gives no vectors at all (a page that says to come back), and PermanentError for a vector that means nothing.
    """
    if not isinstance(getattr(answer, "data", None), list):
        raise TransientError(_OPERATION, "the answer holds no embeddings", hint="is it the right address?")
    items = sorted(answer.data, key=lambda item: item.index)
    rows = [_decode(item.embedding) for item in items]
    if [item.index for item in items] != list(range(count)) or len({len(row) for row in rows}) != 1:
        raise DeniedError(_OPERATION, f"{count} texts were sent and {len(rows)} vectors of one length not given back")
    vectors = np.stack(rows)
    if dimension is not None and vectors.shape[1] != dimension:
        hint = "does the server know the setting for the number of dimensions?"
        raise DeniedError(_OPERATION, f"vectors have {vectors.shape[1]} numbers, not {dimension}", hint=hint)
    if not np.isfinite(vectors).all() or not vectors.any(axis=1).all():
        raise PermanentError(_OPERATION, "a vector is zero or has numbers that are not finite")
    return vectors


def _decode(embedding: str | Sequence[float]) -> Vectors:
    """Base64 of little-endian float32, or numbers: some servers send those whatever they are asked for."""
    if isinstance(embedding, str):
        return np.frombuffer(base64.b64decode(embedding), dtype="<f4")
    return np.asarray(embedding, dtype=np.float32)


def _translate(error: openai.APIError) -> OutsideError:
    """OpenAI's error as one of ours, by what the caller may do about it."""
    if not isinstance(error, openai.APIStatusError):
        return TransientError(_OPERATION, f"{type(error).__name__}: {error}", hint="is the server up and reachable?")
    status, message = error.status_code, error.message
    wait = retry_after(error.response.headers)
    if status == 429 and error.code == "insufficient_quota":
        hint = "the account is out of money or over its limit"
        return OverloadedError(_OPERATION, message, retry_after=max(wait or 0.0, _NO_MORE_MONEY), hint=hint)
    if status == 429 or (status == 503 and wait is not None):
        return OverloadedError(_OPERATION, message, retry_after=_DEFAULT_WAIT if wait is None else wait)
    if status >= 500 or status in (408, 409):
        return TransientError(_OPERATION, message)
    if status in _HINTS:
        return DeniedError(_OPERATION, message, hint=_HINTS[status])
    too_long = status == 413 or (status in (400, 422) and _TOO_LONG.search(message))
    return (_TooLongError if too_long else PermanentError)(_OPERATION, message)
