"""The index is held against the log again and again, whatever happens to one try."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

import pytest

from freshet.schemas.errors import TransientError
from freshet.streams.checking import keep_checking
from freshet.streams.comparing import Difference, Kind
from freshet.streams.verifying import Found


async def check(*tries: Found | Exception, hours: float | None = 2) -> tuple[list[float], list[dict[Kind, int]]]:
    """Run until nothing is left to find; the waits, and what was told."""
    waits, told, left = list[float](), list[dict[Kind, int]](), list(tries)

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if not left:
            raise asyncio.CancelledError

    async def verify() -> Found:
        found = left.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    def drifted(kinds: Mapping[Kind, int]) -> None:
        told.append(dict(kinds))

    with pytest.raises(asyncio.CancelledError):
        await keep_checking(verify, hours=hours, drifted=drifted, sleep=sleep)
    return waits, told


def found(*kinds: Kind) -> Found:
    result = Found(documents=9)
    for kind in kinds:
        result.note(Difference(kind, "a", "it differs"))
    return result


async def test_what_differs_is_counted_and_logged_with_the_command(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        waits, told = await check(found(Kind.TEXT, Kind.TEXT, Kind.ORPHAN), found())
    assert waits == [7_200] * 3
    assert told == [{Kind.TEXT: 2, Kind.ORPHAN: 1}, {}]
    assert "differs from the log in 3 of 9 documents" in caplog.text
    assert "freshet verify" in caplog.text
    assert "the index equals the log" in caplog.text


async def test_one_try_that_fails_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    _, told = await check(TransientError("read", "away"), RuntimeError("unforeseen"), found())
    assert told == [{}]
    assert [record.exc_info is not None for record in caplog.records] == [False, True]


async def test_without_hours_nothing_is_done() -> None:
    await keep_checking(_never, hours=None, drifted=lambda _: None)


async def _never() -> Found:
    raise AssertionError("nobody asked for it")
