"""Reading many events from one body, one a line. All are checked before any is published."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Final

from aiohttp import StreamReader, web

from freshet.schemas.decoding import BadEvent, Rules, decode_body
from freshet.schemas.events import Delete, Upsert
from freshet.schemas.http import FieldError
from freshet.search.http.callers import FOREIGN_TENANT, Caller
from freshet.search.http.problems import MAX_ERRORS, Kind, Problem, field_error
from freshet.search.http.requests import JSON_LINES, demand_type

MAX_EVENTS: Final = 10_000


async def read_events(request: web.Request, rules: Rules, caller: Caller, *, max_bytes: int) -> list[Upsert | Delete]:
    """The events of a body, of the caller's tenant where they name none; empty lines are skipped.

    Raises Problem: 415 for another content type, 413 beyond `max_bytes` or MAX_EVENTS, 403 that lists the lines of
    other tenants, 422 that lists the bad lines.
    """
    demand_type(request, JSON_LINES)
    events: dict[int, Upsert | Delete] = {}  # by their lines
    mistakes: list[FieldError] = []
    wrong = number = 0
    async for line in _lines(request.content, max_bytes):
        number += 1
        if not line.strip():
            continue
        if len(events) + wrong == MAX_EVENTS:
            raise Problem(Kind.TOO_LARGE, f"a request takes {MAX_EVENTS} events at most; send the rest in another")
        try:
            events[number] = decode_body(line, rules, tenant=caller.tenant)
        except BadEvent as error:
            wrong += 1
            if len(mistakes) < MAX_ERRORS:
                mistakes.append(field_error(error.field or "body", error.message, number))
    _check_tenants(events, caller)
    if wrong:
        detail = f"{wrong} of {len(events) + wrong} events are wrong, so none was published"
        raise Problem(Kind.INVALID_REQUEST, detail, errors=mistakes)
    if not events:
        raise Problem.invalid(field_error("body", "holds no events"))
    return list(events.values())


def _check_tenants(events: Mapping[int, Upsert | Delete], caller: Caller) -> None:
    foreign = [line for line, event in events.items() if caller.is_foreign(event.tenant)]
    if foreign:
        errors = [field_error("tenant", FOREIGN_TENANT, line) for line in foreign[:MAX_ERRORS]]
        detail = f"{len(foreign)} events are of another tenant than the key's, so none was published"
        raise Problem(Kind.FOREIGN_TENANT, detail, errors=errors)


async def _lines(content: StreamReader, max_bytes: int) -> AsyncIterator[bytes]:
    buffer, total = bytearray(), 0
    async for chunk in content.iter_any():
        total += len(chunk)
        if total > max_bytes:
            raise Problem(Kind.TOO_LARGE, f"a body takes {max_bytes} bytes at most; send the rest in another")
        buffer += chunk
        if b"\n" in chunk:
            *whole, buffer = buffer.split(b"\n")
            for line in whole:
                yield bytes(line)
    yield bytes(buffer)
