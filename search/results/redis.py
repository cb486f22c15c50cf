"""Answers in Redis, shared by processes. Without Redis there are misses, never errors."""

from __future__ import annotations

import asyncio
import logging
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from itertools import islice
from typing import Any, Final

from redis.asyncio import Redis

from freshet.search.redis import PAUSE, Breaker
from freshet.search.results.upkeep import Shared
from freshet.search.shared_reads import SharedReads

logger = logging.getLogger(__name__)

KEY_PREFIX: Final = "freshet:result:"
MAX_BYTES: Final = 1 << 20  # of one value: an answer of 100 long passages takes some 200 kB
_MAGIC: Final = b"FRA\x00"
_FORMAT: Final = 1
_HEADER: Final = struct.Struct("<4sH16s")  # magic, format, digest; the bytes follow
_ROOM: Final = 256  # values that wait to be written
_ROOM_BYTES: Final = 16 << 20
READ_AT_ONCE: Final = 16  # values in one answer, of which each may have MAX_BYTES
_AT_ONCE: Final = 32  # values in one pipeline


@dataclass(frozen=True, slots=True)
class _Put:
    value: bytes  # as it will lie in Redis
    milliseconds: int


class RedisResults:
    """Bytes behind a header with a digest; what does not verify is a miss.

    Reads of callers that wait together are one command, and so are writes, which nobody waits for; `counted` hears what
    became of them. Each command takes at most `timeout` seconds. After a failure Redis is left alone for `pause`
    seconds, in which everything is a miss. Owns the client.
    """

    def __init__(
        self,
        client: Redis,
        *,
        prefix: str = KEY_PREFIX,
        timeout: float = 0.05,
        pause: float = PAUSE,
        counted: Callable[[Shared, int], None] = lambda _, __: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._prefix = prefix
        self._counted = counted
        self._breaker = Breaker(
            what="The cache of answers in Redis",
            without="each process has but its own",
            action="result_cache",
            logger=logger,
            timeout=timeout,
            pause=pause,
            clock=clock,
        )
        self._reads = SharedReads(self._read, most=READ_AT_ONCE, seconds=timeout, clock=clock)
        self._waiting: dict[str, _Put] = {}
        self._waiting_bytes = 0
        self._writing: asyncio.Task[None] | None = None
        self._closed = False

    async def get(self, key: str) -> bytes | None:
        """As `SharedResults.get`."""
        name = self._prefix + key
        [value] = await self._reads.get_many([name])
        return unpack(name, value)

    async def put(self, key: str, value: bytes, *, ttl: float) -> None:
        """As `SharedResults.put`; returns at once, and what has more bytes than MAX_BYTES is not kept."""
        milliseconds = round(ttl * 1000)
        if milliseconds < 1 or self._closed:
            return
        if len(value) > MAX_BYTES:
            self._counted(Shared.TOO_LARGE, 1)
            return
        name = self._prefix + key
        self._forget(name)
        if len(self._waiting) >= _ROOM or self._waiting_bytes + len(value) > _ROOM_BYTES:
            self._counted(Shared.CROWDED, 1)
            return
        put = _Put(_pack(name, value), milliseconds)
        self._waiting[name] = put
        self._waiting_bytes += len(put.value)
        if self._writing is None:
            self._writing = asyncio.create_task(self._work())

    async def close(self) -> None:
        """Drop what waits, and release the connections. Idempotent."""
        self._closed = True
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.wait({self._writing})
        await self._reads.close()
        await self._client.aclose()

    async def _read(self, names: list[str]) -> Any:
        return await self._breaker.run(lambda: self._client.mget(names))

    async def _work(self) -> None:
        """Write until nothing waits."""
        try:
            while self._waiting:
                puts = self._take()
                written = await self._breaker.run(partial(self._write, puts))
                self._counted(Shared.WRITTEN if written else Shared.FAILED, len(puts))
        finally:
            self._writing = None

    async def _write(self, puts: dict[str, _Put]) -> bool:
        pipeline = self._client.pipeline(transaction=False)
        for name, put in puts.items():
            pipeline.set(name, put.value, px=put.milliseconds)
        await pipeline.execute()
        return True

    def _take(self) -> dict[str, _Put]:
        """Those that have waited longest."""
        puts = dict(islice(self._waiting.items(), _AT_ONCE))
        for name in puts:
            self._forget(name)
        return puts

    def _forget(self, name: str) -> None:
        put = self._waiting.pop(name, None)
        self._waiting_bytes -= len(put.value) if put else 0


def _pack(name: str, body: bytes) -> bytes:
    return _header(name, body) + body


def unpack(name: str, value: bytes | None) -> bytes | None:
    """The bytes in a value, or None where the value is not exactly what was once put under this name."""
    if value is None or len(value) < _HEADER.size:
        return None
    body = value[_HEADER.size :]
    return body if value[: _HEADER.size] == _header(name, body) else None


def _header(name: str, body: bytes) -> bytes:
    """The digest is over the name too, so that a value under another key than its own does not verify.

    A key is a digest over the ids of Kafka's cluster, of the feed and of the collection: theirs are in it by that.
    """
    digest = blake2b(struct.pack("<HI", _FORMAT, len(name.encode())), digest_size=16)
    digest.update(name.encode())
    digest.update(body)
    return _HEADER.pack(_MAGIC, _FORMAT, digest.digest())
