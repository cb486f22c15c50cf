"""An embedding cache in Redis, shared by processes. Without Redis there are misses, never errors."""

from __future__ import annotations

import logging
import struct
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

import numpy as np
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from freshet.schemas.errors import DeniedError, TransientError
from freshet.search.embedding.cache import CachedVector
from freshet.search.redis import PAUSE, Breaker
from freshet.search.shared_reads import SharedReads

logger = logging.getLogger(__name__)

KEY_PREFIX: Final = "freshet:embedding:"
_HEADER: Final = struct.Struct("<4sHHI16s")  # magic, format, dimension, tokens, digest; float32 bytes follow
_MAGIC: Final = b"FRV\x00"
_FORMAT: Final = 1
_RIGHTS: Final = "check the user and password in FRESHET_REDIS__URL, and its rights, which docs/security.md lists"
_CHUNK: Final = 128  # values in one pipeline, so that others get their turn in between


@dataclass(frozen=True, slots=True)
class RedisFacts:
    """`seconds` is what one call took, `ahead` how far its clock is ahead of ours; `max_bytes` is 0 without a limit.

    None is what this Redis does not tell, or not this user.
    """

    seconds: float
    version: str | None
    ahead: float | None
    max_bytes: int | None
    policy: str | None


async def describe_server(client: Redis, *, prefixes: Sequence[str] = (KEY_PREFIX,)) -> RedisFacts:
    """What a Redis tells of itself. Raises TransientError, and DeniedError where it refuses the user.

    Or where that one may not read keys that begin with one of `prefixes`.
    """
    try:
        await client.ping()
        await client.mget([f"{prefix}asked-by-the-doctor" for prefix in prefixes])
        start, asked = time.perf_counter(), time.time()
        await client.ping()
        took = time.perf_counter() - start
        clock = await _if_told(client.time())
        info = {**(await _if_told(client.info("server")) or {}), **(await _if_told(client.info("memory")) or {})}
    except (AuthenticationError, NoPermissionError) as error:
        raise DeniedError("ask Redis", str(error), hint=_RIGHTS) from error
    except (RedisError, OSError) as error:
        raise TransientError("ask Redis", str(error), hint="is it running at FRESHET_REDIS__URL?") from error
    ahead = None if clock is None else clock[0] + clock[1] / 1e6 - (asked + 1.5 * took)
    limit = info.get("maxmemory")
    return RedisFacts(
        took, info.get("redis_version"), ahead, None if limit is None else int(limit), info.get("maxmemory_policy")
    )


async def _if_told(asking: Awaitable[Any]) -> Any:
    """None where the server refuses to say: the cache itself needs neither its clock nor its figures."""
    try:
        return await asking
    except ResponseError:
        return None


class RedisEmbeddingCache:
    """Vectors as float32 bytes behind a header with a digest; what does not verify is a miss. Owns the client.

    Callers that wait together share their reads. Each command takes at most `timeout` seconds. After a failure Redis is
    left alone for `pause` seconds, in which everything is a miss. `ttl` is in seconds.
    """

    def __init__(
        self,
        client: Redis,
        *,
        prefix: str = KEY_PREFIX,
        ttl: int = 30 * 24 * 3600,
        timeout: float = 0.05,
        pause: float = PAUSE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._prefix = prefix
        self._ttl = ttl
        self._breaker = Breaker(
            what="The embedding cache in Redis",
            without="texts are embedded without it",
            action="embedding_cache",
            logger=logger,
            timeout=timeout,
            pause=pause,
            clock=clock,
        )
        self._reads = SharedReads(self._read, seconds=timeout, clock=clock)

    async def get_many(self, keys: Sequence[str]) -> list[CachedVector | None]:
        names = [self._prefix + key for key in keys]
        values = await self._reads.get_many(names)
        return [_unpack(name, value) for name, value in zip(names, values, strict=True)]

    async def put_many(self, entries: Mapping[str, CachedVector]) -> None:
        if entries:
            named = {self._prefix + key: entry for key, entry in entries.items()}
            await self._breaker.run(lambda: self._write({name: _pack(name, entry) for name, entry in named.items()}))

    async def close(self) -> None:
        await self._reads.close()
        await self._client.aclose()

    async def _read(self, names: list[str]) -> Any:
        return await self._breaker.run(lambda: self._client.mget(names))

    async def _write(self, values: Mapping[str, bytes]) -> bool:
        items = list(values.items())
        for start in range(0, len(items), _CHUNK):
            pipeline = self._client.pipeline(transaction=False)
            for name, value in items[start : start + _CHUNK]:
                pipeline.set(name, value, ex=self._ttl)
            await pipeline.execute()
        return True


def _pack(name: str, entry: CachedVector) -> bytes:
    body = np.ascontiguousarray(entry.vector, dtype="<f4").tobytes()
    return _header(name, len(entry.vector), entry.tokens, body) + body


def _unpack(name: str, value: bytes | None) -> CachedVector | None:
    """The entry in a value, or None where the value is not exactly what was once put under this name."""
    if value is None or len(value) < _HEADER.size:
        return None
    _, _, dimension, tokens, _ = _HEADER.unpack_from(value)
    body = value[_HEADER.size :]
    if len(body) != 4 * dimension or value[: _HEADER.size] != _header(name, dimension, tokens, body):
        return None
    return CachedVector(np.frombuffer(body, dtype="<f4"), tokens)


def _header(name: str, dimension: int, tokens: int, body: bytes) -> bytes:
    """The digest is over the name too, so that a value under another key than its own does not verify."""
    digest = blake2b(struct.pack("<HII", _FORMAT, dimension, tokens), digest_size=16)
    digest.update(name.encode())
    digest.update(body)
    return _HEADER.pack(_MAGIC, _FORMAT, dimension, tokens, digest.digest())
