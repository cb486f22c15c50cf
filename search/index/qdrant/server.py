"""What a Qdrant server tells of itself."""

from __future__ import annotations

import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import httpx
from qdrant_client import AsyncQdrantClient
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from freshet.search.index.qdrant.failures import translated


@dataclass(frozen=True, slots=True)
class QdrantFacts:
    """`ahead` is by how many seconds its clock is ahead of ours, give or take half of one; None where it tells none."""

    version: str
    seconds: float
    ahead: float | None


async def describe_server(client: AsyncQdrantClient) -> QdrantFacts:
    """Ask the client's server. Raises TransientError, and DeniedError where it is no Qdrant."""
    base = client.http.client.host
    transport: httpx.AsyncClient = client.http.client._async_client  # noqa: SLF001 (the client hides headers)
    with translated("ask Qdrant for its version"):
        start, asked = time.perf_counter(), time.time()
        try:
            answer = await transport.get(f"{base.rstrip('/')}/")
        except httpx.HTTPError as error:
            raise ResponseHandlingException(error) from error
        seconds = time.perf_counter() - start
        if answer.status_code != httpx.codes.OK:
            raise UnexpectedResponse.for_response(answer)
        about = answer.json()
        if not isinstance(about, dict) or "version" not in about:
            raise ResponseHandlingException(ValueError("no version"))
    return QdrantFacts(str(about["version"]), seconds, _ahead(answer.headers.get("Date"), asked + seconds / 2))


def _ahead(date: str | None, ours: float) -> float | None:
    """The header tells whole seconds, cut off."""
    try:
        return None if date is None else parsedate_to_datetime(date).timestamp() + 0.5 - ours
    except ValueError:
        return None
