"""Asking the search service over HTTP."""

from __future__ import annotations

import aiohttp

from freshet.local.processes import LocalPartError
from freshet.schemas.http import SearchAnswer

ANSWER_SECONDS = 30.0


async def is_ready(url: str) -> bool:
    """Whether the process whose probes are at `url` has everything it needs."""
    try:
        async with aiohttp.ClientSession() as session, session.get(f"{url}/readyz") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def ask(url: str, query: str) -> SearchAnswer:
    """The answer of the service at `url`. Raises `LocalPartError` with its complaint where it has none."""
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(f"{url}/search", json={"query": query}) as answer,
        ):
            if answer.status != 200:
                raise LocalPartError(await _complaint(answer))
            return SearchAnswer.model_validate_json(await answer.read())
    except (aiohttp.ClientError, TimeoutError) as error:
        raise LocalPartError(f"the search service does not answer: {error or type(error).__name__}") from error


async def _complaint(answer: aiohttp.ClientResponse) -> str:
    """What a problem+json body says; its fields' messages where it has some."""
    body = await answer.json(content_type=None)
    fields = [f"{error['field']} {error['message']}" for error in body.get("errors", ())]
    return "; ".join(fields) or f"{body['title']}: {body['detail']}"
