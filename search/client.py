"""Asking the search service from Python."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self, TypedDict, TypeVar, Unpack
from urllib.parse import quote

import aiohttp
from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticSerializationError, to_json
from yarl import URL

from freshet.schemas.errors import OverloadedError, PermanentError, SettingsError, TransientError
from freshet.schemas.events import Delete, Upsert
from freshet.schemas.explain import DocumentFacts
from freshet.schemas.filters import Filter
from freshet.schemas.http import (
    DEFAULT_WAIT_MS,
    BulkPublished,
    FeedbackTaken,
    Health,
    IndexFacts,
    Mode,
    Published,
    SearchAnswer,
)
from freshet.search.client_errors import Reply, error_of

_JSON: Final = "application/json"
_LINES: Final = "application/x-ndjson"
A = TypeVar("A", bound=BaseModel)


class SearchOptions(TypedDict, total=False):
    """What a search may be told beside its query; the service's reference tells what each means."""

    limit: int
    offset: int
    tenant: str
    mode: Mode
    filters: Filter | Mapping[str, Any]
    facets: Sequence[str]
    facet_limit: int
    rerank: bool
    explain: bool
    fresh_after: str | Sequence[str]
    wait_ms: int


class DocumentOptions(TypedDict, total=False):
    """What a document may have beside its text."""

    title: str
    metadata: Mapping[str, Any]
    version: int
    occurred_at: datetime
    tenant: str


class DeleteOptions(TypedDict, total=False):
    """What the end of a document may have."""

    version: int
    tenant: str


class SearchClient:
    """A search service, for Python:

        async with SearchClient("http://127.0.0.1:8080") as client:
            answer = await client.search("router does not answer", limit=3)

    Safe to use from many tasks of one event loop. Each request is answered within `timeout_seconds` or fails. While
    the service is away or asks for patience (503, 429), what does no harm twice is asked again, with waits of no more
    than `retry_seconds` in all; sending many events is not. Calls raise, of freshet.schemas.errors: OverloadedError
    when the service asked for patience, TransientError when it failed or does not answer, DeniedError when a key or a
    right is missing, PermanentError when it refused the request. Where the service has told what is wrong, `problem` of
    the error has its words: a stable `type`, a `detail`, and the `errors` of fields. An address or a key that cannot be
    is a SettingsError at once.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8080",
        *,
        api_key: str | None = None,
        timeout_seconds: float = 30.0,
        retry_seconds: float = 10.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._url = _address(url)
        self._headers = {"Accept": _JSON, **_authorization(api_key)}
        self._timeout = timeout_seconds
        self._patience = retry_seconds
        self._sleep = sleep
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(headers=self._headers)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def search(self, query: str = "", **options: Unpack[SearchOptions]) -> SearchAnswer:
        """The documents that answer a query, best first; without one the newest that pass `filters`."""
        return await self._search("search", query, options)

    async def warm(self, query: str = "", **options: Unpack[SearchOptions]) -> SearchAnswer:
        """As `search`, so that the answer is kept for whoever asks next.

        It is not recorded, is no search in the metrics, and waits while the service has much to do.
        """
        return await self._search("warm", query, options, headers={"Freshet-Purpose": "warm"})

    async def _search(
        self, operation: str, query: str, options: SearchOptions, headers: Mapping[str, str] | None = None
    ) -> SearchAnswer:
        given: dict[str, Any] = {"query": query, **options}
        if isinstance(filters := given.get("filters"), Filter):
            given["filters"] = filters.model_dump(mode="json", by_alias=True, exclude_unset=True)
        seconds = options.get("wait_ms", DEFAULT_WAIT_MS) / 1000 if options.get("fresh_after") else 0.0
        body = _json(given)
        return await self._ask(operation, "POST", "search", SearchAnswer, body=body, seconds=seconds, headers=headers)

    async def index(self, *, after: datetime | None = None, wait_ms: int = 0) -> IndexFacts:
        """What the index holds and how fresh it is; with `wait_ms` as soon as it has changed since `after`."""
        given = {"after": after.isoformat() if after else None, "wait_ms": str(wait_ms) if wait_ms else None}
        query = {name: value for name, value in given.items() if value is not None}
        return await self._ask("ask for the index", "GET", "index", IndexFacts, query=query, seconds=wait_ms / 1000)

    async def explain(
        self,
        document_id: str,
        *,
        tenant: str | None = None,
        passages: bool = False,
        fresh_after: str | Sequence[str] = (),
        wait_ms: int = DEFAULT_WAIT_MS,
    ) -> DocumentFacts:
        """Where a document is; with `passages` also their texts. PermanentError where nothing is known of it."""
        query = {"tenant": tenant} if tenant is not None else {}
        query |= {"passages": "true"} if passages else {}
        if fresh_after:
            tokens = fresh_after if isinstance(fresh_after, str) else ",".join(fresh_after)
            query |= {"fresh_after": tokens, "wait_ms": str(wait_ms)}
        seconds = wait_ms / 1000 if fresh_after else 0.0
        path = _path(document_id)
        return await self._ask("explain a document", "GET", path, DocumentFacts, query=query, seconds=seconds)

    async def put(self, document_id: str, text: str, **options: Unpack[DocumentOptions]) -> Published:
        """Publish the full state of a document; returns when Kafka has it."""
        body = _json({"text": text, **options})
        return await self._ask("publish a document", "PUT", _path(document_id), Published, body=body)

    async def delete(self, document_id: str, **options: Unpack[DeleteOptions]) -> Published:
        """Publish the end of a document; returns when Kafka has it."""
        query = {name: str(value) for name, value in options.items() if value is not None}
        return await self._ask("publish an end", "DELETE", _path(document_id), Published, query=query)

    async def publish_many(self, events: Iterable[Upsert | Delete]) -> BulkPublished:
        """Publish events in one request: all of them, or none where one is wrong."""
        body = b"".join(_json(event) + b"\n" for event in events)
        return await self._ask(
            "publish events", "POST", "documents", BulkPublished, body=body, media=_LINES, again=False
        )

    async def feedback(
        self,
        query_id: str,
        id: str,  # noqa: A002
        score: float,
        *,
        tenant: str | None = None,
    ) -> FeedbackTaken:
        """Say what a result of a search was worth, 0 to 1; what is said again of it counts instead."""
        body = _json({"query_id": query_id, "id": id, "score": score, "tenant": tenant})
        return await self._ask("give feedback", "POST", "feedback", FeedbackTaken, body=body)

    async def health(self) -> Health:
        """What the checks of the service found; that one fails is an answer, not an error."""
        return await self._ask("ask for its health", "GET", "health", Health, unwell=503)

    async def _ask(
        self,
        operation: str,
        method: str,
        path: str,
        model: type[A],
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        media: str = _JSON,
        headers: Mapping[str, str] | None = None,
        unwell: int | None = None,
        again: bool = True,
        seconds: float = 0.0,
    ) -> A:
        """One call, again while the service asks for patience and there is some left."""
        operation = f"{operation} at {self._url}"
        url = URL(f"{self._url}/{path}", encoded=True).with_query(query or {})
        headers = {**(headers or {}), **({"Content-Type": media} if body is not None else {})}
        patience = self._patience if again else 0.0
        while True:
            reply = await self._send(operation, method, url, self._timeout + seconds, data=body, headers=headers)
            if reply.is_good or (reply.status == unwell and reply.media == _JSON):
                return _parse(operation, model, reply.body)
            error = error_of(operation, reply)
            if not isinstance(error, OverloadedError) or error.retry_after > patience:
                raise error
            patience -= error.retry_after
            await self._sleep(error.retry_after)

    async def _send(self, operation: str, method: str, url: URL, seconds: float, **given: Any) -> Reply:
        if self._session is None:
            raise RuntimeError("use the client in `async with`")
        timeout = aiohttp.ClientTimeout(total=seconds)
        try:
            async with self._session.request(method, url, timeout=timeout, allow_redirects=False, **given) as answer:
                retry_after = answer.headers.get("Retry-After")
                return Reply(answer.status, answer.content_type, retry_after, await answer.read())
        except TimeoutError as error:
            raise TransientError(operation, f"no answer within {seconds:g} s") from error
        except aiohttp.InvalidURL as error:
            raise PermanentError(operation, "the address is none") from error
        except aiohttp.ClientError as error:
            raise TransientError(operation, str(error) or type(error).__name__) from error


def _address(url: str) -> URL:
    try:
        found = URL(url.rstrip("/"))
    except ValueError:
        found = URL()
    if found.scheme not in ("http", "https") or not found.host or found.query_string or found.fragment:
        raise SettingsError("url: is no address of a service; one is http://127.0.0.1:8080")
    if found.raw_user is not None or found.raw_password is not None:
        raise SettingsError("url: holds a name or a password; give the key as api_key")
    return found


def _authorization(api_key: str | None) -> dict[str, str]:
    if api_key is None:
        return {}
    if not re.fullmatch(r"[!-~]+", api_key):
        raise SettingsError("api_key: holds nothing, or what no header can; is there white space around it?")
    return {"Authorization": f"Bearer {api_key}"}


def _path(document_id: str) -> str:
    try:
        # Dots too, or whoever stands between us and the service takes `..` for the folder above.
        return f"documents/{quote(document_id, safe='').replace('.', '%2E')}"
    except UnicodeEncodeError as error:
        raise PermanentError("write the request", "the document's id is not Unicode") from error


def _json(value: Any) -> bytes:
    try:
        return to_json(value, exclude_none=True)
    except (PydanticSerializationError, UnicodeEncodeError) as error:
        raise PermanentError("write the request", f"it cannot be written as JSON: {error}") from error


def _parse(operation: str, model: type[A], answer: bytes) -> A:
    try:
        return model.model_validate_json(answer)
    except ValidationError as error:
        hint = "is the service of another version, or is it another service?"
        raise PermanentError(operation, f"the answer is no {model.__name__}", hint=hint) from error
