"""A small server that speaks the wires of text-embeddings-inference and of Cohere, and fails as it is told."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from aiohttp import web

SEEN = 200  # characters of a text that the model sees


@dataclass
class Reply:
    """What is answered instead of scores."""

    status: int = 200
    body: Any = None
    text: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> web.Response:
        if self.text is None:
            return web.json_response(self.body, status=self.status, headers=self.headers)
        return web.Response(text=self.text, status=self.status, headers=self.headers, content_type="text/html")


@dataclass
class RerankServer:
    """`replies` are given first, one for each request. `max_texts` is what it takes in one, as TEI does."""

    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    max_texts: int = 32

    async def tei(self, request: web.Request) -> web.Response:
        body = await self._body(request, {"query", "texts", "truncate", "raw_scores"})
        if reply := self._reply(body["texts"], {"error": "batch size too large", "error_type": "Validation"}):
            return reply.response()
        if not body["truncate"]:
            return Reply(422, {"error": "inputs must have less than 512 tokens", "error_type": "Validation"}).response()
        return web.json_response(_ranked(body["query"], body["texts"], "score"))

    async def cohere(self, request: web.Request) -> web.Response:
        body = await self._body(request, {"model", "query", "documents", "top_n"})
        if reply := self._reply(body["documents"], {"message": "too many documents"}):
            return reply.response()
        results = _ranked(body["query"], body["documents"], "relevance_score")
        return web.json_response({"id": "1", "results": results[: body["top_n"]], "meta": {}})

    async def _body(self, request: web.Request, names: set[str]) -> dict[str, Any]:
        body: dict[str, Any] = await request.json()
        assert set(body) == names
        self.requests.append(body)
        self.headers.append(request.headers.copy())
        return body

    def _reply(self, texts: list[str], too_many: dict[str, str]) -> Reply | None:
        if self.replies:
            return self.replies.pop(0)
        return Reply(413, too_many) if len(texts) > self.max_texts else None


def score_of(query: str, text: str) -> float:
    seed = blake2b(f"{query[:SEEN]}\0{text[:SEEN]}".encode(), digest_size=6).digest()
    return int.from_bytes(seed, "big") / 2**48


def _ranked(query: str, texts: list[str], name: str) -> list[dict[str, Any]]:
    items = [{"index": row, name: score_of(query, text)} for row, text in enumerate(texts)]
    return sorted(items, key=lambda item: -float(item[name]))


@asynccontextmanager
async def running_rerank_server() -> AsyncIterator[RerankServer]:
    """At `url` it speaks as TEI does, at `url`/v2 as Cohere does."""
    server = RerankServer()
    app = web.Application(client_max_size=64_000_000)
    app.router.add_post("/rerank", server.tei)
    app.router.add_post("/v2/rerank", server.cohere)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    server.url = f"http://{host}:{port}"
    yield server
    await runner.cleanup()
