"""What comes back when somebody sends what nobody should."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from freshet.search.http.problems import Kind
from tests.support.hostile_inputs import Hostile

ANSWER_SECONDS: Final = 30.0
TYPES: Final = {kind.type: kind.status for kind in Kind}
_AT_ONCE: Final = 10


@dataclass(frozen=True)
class Reply:
    """One answer, as it came."""

    status: int
    headers: dict[str, str]
    body: bytes


async def send(port: int, given: Hostile) -> list[Reply]:
    """Send it, and read until the service hangs up. Raises TimeoutError when it never does."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            try:
                writer.write(given.sent)
                await writer.drain()
                received = await reader.read()
            except ConnectionError:
                received = b""  # it hung up before all was sent
        return list(_replies(received))
    finally:
        writer.close()


async def ask_all(port: int, inputs: list[Hostile]) -> list[tuple[str, str, bytes]]:
    """What was wrong: the kind of input, what came, and what had been sent."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(given: Hostile) -> tuple[str, str, bytes] | None:
        async with gate:
            wrong = judge(given, await send(port, given))
            return (given.kind, wrong, given.sent[:300]) if wrong else None

    return [each for each in await asyncio.gather(*map(one, inputs)) if each]


def judge(given: Hostile, replies: list[Reply]) -> str | None:
    """What is wrong with the answers to it, if anything is."""
    if not replies and not given.silent:
        return "no answer"
    for reply in replies:
        if reply.status >= 500:
            return f"a {reply.status}: {reply.body[:300]!r}"
        if reply.status >= 400:
            if not reply.headers.get("content-type", "").startswith("application/problem+json"):
                return f"a {reply.status} that is no problem: {reply.body[:300]!r}"
            problem = json.loads(reply.body)
            if TYPES.get(problem["type"]) != reply.status or not problem["request_id"]:
                return f"an unknown problem: {problem}"
    return None


def resident_kb(pid: int) -> int:
    """The memory that a process holds."""
    return int(re.findall(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="utf-8"))[0])


def _replies(received: bytes) -> Iterator[Reply]:
    while received:
        head, _, rest = received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        status = int(first.split()[1])
        length = 0 if status < 200 else int(headers.get("content-length", 0))
        if status >= 200:
            yield Reply(status, headers, rest[:length])
        received = rest[length:]
