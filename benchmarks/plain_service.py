"""A plain search service to hold ours against: each request makes one model call and one Qdrant call.

`python -m benchmarks.plain_service PORT URL KEY COLLECTION` serves `POST /search` `{"query", "limit"}` with the same
model, threads and precision as ours, dense vectors only, no ledger: what one writes in an afternoon, with the model
loaded once and its calls kept off the event loop.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack

from aiohttp import web

from freshet.local.artifacts import Artifacts
from freshet.local.folders import cache_folder
from freshet.local.processes import LOOPBACK
from freshet.search.embedding.openvino import OpenVINOEmbedder
from freshet.search.http.serving import serve
from freshet.search.index.qdrant.client import connect
from freshet.search.index.qdrant.payloads import DENSE
from freshet.settings import load_settings


async def main(port: int, url: str, key: str, collection: str) -> None:
    given = load_settings().embedding
    embedder = OpenVINOEmbedder(Artifacts(cache_folder()).model_folder(), threads=1, precision=given.precision)
    client = connect(url, api_key=key)

    async def search(request: web.Request) -> web.Response:
        asked = await request.json()
        encoded = await asyncio.to_thread(embedder.encode, [asked["query"]])
        found = await client.query_points(
            collection, query=encoded.vectors[0].tolist(), using=DENSE, limit=asked["limit"], with_payload=True
        )
        return web.json_response({"results": [{"score": each.score, "payload": each.payload} for each in found.points]})

    app = web.Application()
    app.add_routes([web.post("/search", search)])
    async with AsyncExitStack() as stack:
        stack.push_async_callback(client.close)
        await stack.enter_async_context(serve(app, host=LOOPBACK, port=port))
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), *sys.argv[2:5]))
