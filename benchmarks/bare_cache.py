"""The least that a cached search could be: a bare aiohttp handler that reads JSON and gives back one value of Redis.

`python -m benchmarks.bare_cache PORT URL` serves `POST /search`; the query is the key.
"""

from __future__ import annotations

import asyncio
import sys

from aiohttp import web
from redis.asyncio import Redis

from freshet.local.processes import LOOPBACK
from freshet.search.http.serving import serve


async def main(port: int, url: str) -> None:
    async with Redis.from_url(url) as redis:

        async def search(request: web.Request) -> web.Response:
            asked = await request.json()
            value = await redis.get(asked["query"])
            return web.Response(body=value, content_type="application/json")

        app = web.Application()
        app.add_routes([web.post("/search", search)])
        async with serve(app, host=LOOPBACK, port=port):
            print("ready", flush=True)
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
