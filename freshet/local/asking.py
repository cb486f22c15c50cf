"""Asking the search service over HTTP."""

from __future__ import annotations

import aiohttp

from freshet.local.processes import LocalPartError
from freshet.schemas.errors import OutsideError
from freshet.schemas.http import IndexFacts, SearchAnswer
from freshet.schemas.status import Status
from freshet.search.client import SearchClient

ANSWER_SECONDS = 30.0
LOOK_SECONDS = 5.0


async def is_ready(url: str) -> bool:
    """Whether the process whose probes are at `url` has everything it needs."""
    try:
        async with aiohttp.ClientSession() as session, session.get(f"{url}/readyz") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def status(url: str) -> Status | None:
    """What the process whose probes are at `url` says of itself; None while it does not answer."""
    body = await _get(f"{url}/status")
    return None if body is None else Status.model_validate_json(body)


async def index_facts(url: str) -> IndexFacts | None:
    """What the index of the service at `url` holds; None while there is none."""
    body = await _get(f"{url}/index")
    return None if body is None else IndexFacts.model_validate_json(body)


async def _get(url: str) -> bytes | None:
    timeout, accept = aiohttp.ClientTimeout(total=LOOK_SECONDS), {"Accept": "application/json"}
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url, headers=accept) as answer:
            return await answer.read() if answer.status == 200 else None
    except (aiohttp.ClientError, TimeoutError):
        return None


async def ask(url: str, query: str) -> SearchAnswer:
    """The answer of the service at `url`. Raises `LocalPartError` with its complaint where it has none."""
    try:
        async with SearchClient(url, timeout_seconds=ANSWER_SECONDS) as client:
            return await client.search(query)
    except OutsideError as error:
        raise LocalPartError(str(error)) from error
