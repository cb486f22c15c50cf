"""Counting in Redis, together with the other processes: one atomic script, one round trip."""

from __future__ import annotations

import logging
from typing import Final

from redis.asyncio import Redis

from freshet.search.limits.base import Limit, Limiter, Taken
from freshet.search.redis import Breaker

logger = logging.getLogger(__name__)

_PREFIX: Final = "freshet:limit:"
# The server's clock counts, for those of the processes may differ. Microseconds stay below 2^53, where Lua is exact.
_TAKE: Final = """
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local wait = full_at + interval - burst * interval - now
if wait <= 0 then
  full_at = full_at + interval
  redis.call('SET', KEYS[1], full_at, 'PX', math.ceil((full_at - now) / 1000))
end
return {wait, full_at - now}
"""


class RedisLimiter:
    """Counts in Redis; while that fails or is slower than `timeout` seconds, in `alone`. Owns both."""

    def __init__(self, client: Redis, *, alone: Limiter, timeout: float = 0.05, prefix: str = _PREFIX) -> None:
        self._client = client
        self._alone = alone
        self._prefix = prefix
        self._script = client.register_script(_TAKE)
        self._breaker = Breaker(
            what="Counting requests in Redis",
            without="each process counts for itself",
            action="limits",
            logger=logger,
            timeout=timeout,
        )

    async def take(self, name: str, limit: Limit) -> Taken:
        asked = [limit.interval, limit.burst]
        answer = await self._breaker.run(lambda: self._script(keys=[self._prefix + name], args=asked))
        if answer is None:
            return await self._alone.take(name, limit)
        wait, ahead = answer
        return Taken.of(limit, wait=wait, ahead=ahead)

    async def close(self) -> None:
        await self._alone.close()
        await self._client.aclose()
