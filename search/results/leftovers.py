"""Answers in Redis that came across a document: by looking at all of them, for they lie there by what was asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from pydantic_core import to_json
from redis.asyncio import Redis
from redis.exceptions import RedisError

from freshet.schemas.errors import TransientError
from freshet.search.results.entry import Entry
from freshet.search.results.redis import KEY_PREFIX, READ_AT_ONCE, unpack

_NAMES_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Leftovers:
    """The Redis keys of answers that show a document, and of those that hold only its key among others'.

    `expires` is when the last of them ends, in seconds since the epoch; `looked` counts the answers that were looked
    at, which were all where `complete`.
    """

    showing: list[str]
    naming: list[str]
    expires: float
    looked: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """A document: the topic that it comes from, its key there, and its id."""

    topic: str
    key: str
    id: str


class _Met(NamedTuple):
    """What is kept of an answer: they are large, and all of them may have come across one document."""

    shown: bool
    expires: float


async def find_leftovers(
    client: Redis, wanted: Wanted, *, seconds: float, clock: Callable[[], float] = time.monotonic
) -> Leftovers:
    """Answers that came across a document, as far as `seconds` go. Raises TransientError."""
    met, looked = dict[str, _Met](), 0  # by key, for Redis may name one twice
    until, complete, cursor = clock() + seconds, False, 0
    try:
        while not complete and clock() < until:
            page: Any = await client.scan(cursor, match=f"{KEY_PREFIX}*", count=_NAMES_AT_ONCE)
            cursor, names = page[0], [name.decode() for name in page[1]]
            for start in range(0, len(names), READ_AT_ONCE):
                met |= await _met(client, wanted, names[start : start + READ_AT_ONCE])
            looked += len(names)
            complete = cursor == 0
    except (RedisError, OSError, TimeoutError) as error:
        raise TransientError("look through the kept answers", f"{type(error).__name__}: {error}") from error
    showing = {name for name, each in met.items() if each.shown}
    expires = max((each.expires for each in met.values()), default=0.0)
    return Leftovers(sorted(showing), sorted(met.keys() - showing), expires, looked, complete)


async def _met(client: Redis, wanted: Wanted, names: Sequence[str]) -> dict[str, _Met]:
    """Those of these answers that came across the document. Others are not even parsed, for there may be many."""
    written, found = to_json(wanted.key), dict[str, _Met]()
    values: Any = await client.mget(names)
    for name, value in zip(names, values, strict=True):
        body = unpack(name, value) if value is not None and written in value else None
        entry = Entry.from_bytes(body) if body is not None else None
        if entry is not None and _came_across(entry, wanted):
            found[name] = _Met(any(each.id == wanted.id for each in entry.content.results), entry.expires)
    return found


def _came_across(entry: Entry, wanted: Wanted) -> bool:
    return entry.content.topic == wanted.topic and wanted.key in entry.met
