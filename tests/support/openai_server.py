"""A small server that speaks the wire of OpenAI's embeddings API, and fails as it is told."""

import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import numpy as np
from aiohttp import web

DIMENSION = 12


@dataclass
class Refusal:
    """An answer that is an error."""

    status: int
    message: str = "no"
    code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class OpenAIServer:
    """`refusals` are given first, one for each request. A token is three characters, or part of them."""

    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    max_inputs: int = 2048
    max_input_tokens: int = 8192
    max_tokens: int = 300_000
    base64: bool = True
    shuffled: bool = False
    dimension: int = DIMENSION
    usage: bool = True

    async def embeddings(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.requests.append(body)
        self.headers.append(request.headers.copy())
        if refusal := self._refusal(body["input"]):
            error = {"message": refusal.message, "type": "error", "param": None, "code": refusal.code}
            return web.json_response({"error": error}, status=refusal.status, headers=refusal.headers)
        items = [self._item(number, text, body) for number, text in enumerate(body["input"])]
        answer: dict[str, Any] = {
            "object": "list",
            "model": body["model"],
            "data": items[:: -1 if self.shuffled else 1],
        }
        if self.usage:
            used = sum(map(tokens, body["input"]))
            answer["usage"] = {"prompt_tokens": used, "total_tokens": used}
        return web.json_response(answer)

    def _refusal(self, texts: list[str]) -> Refusal | None:
        if self.refusals:
            return self.refusals.pop(0)
        if any(not text for text in texts):
            return Refusal(400, "input cannot be an empty string")
        if len(texts) > self.max_inputs:
            return Refusal(422, f"batch size {len(texts)} > maximum allowed batch size {self.max_inputs}")
        if any(tokens(text) > self.max_input_tokens for text in texts):
            return Refusal(400, f"This model's maximum context length is {self.max_input_tokens} tokens")
        if sum(map(tokens, texts)) > self.max_tokens:
            return Refusal(400, "Requested too many tokens", "max_tokens_per_request")
        return None

    def _item(self, number: int, text: str, body: Mapping[str, Any]) -> dict[str, Any]:
        vector = vector_of(text, body.get("dimensions") or self.dimension)
        as_base64 = self.base64 and body.get("encoding_format") == "base64"
        embedding = base64.b64encode(vector.astype("<f4").tobytes()).decode() if as_base64 else vector.tolist()
        return {"object": "embedding", "index": number, "embedding": embedding}


def tokens(text: str) -> int:
    return -(-len(text.strip()) // 3)


def vector_of(text: str, dimension: int = DIMENSION) -> np.ndarray:
    """Not of unit length: that is the client's part."""
    seed = int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
    return np.random.default_rng(seed).normal(size=dimension).astype(np.float32)


@asynccontextmanager
async def running_openai_server() -> AsyncIterator[OpenAIServer]:
    server = OpenAIServer()
    app = web.Application(client_max_size=64_000_000)
    app.router.add_post("/v1/embeddings", server.embeddings)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    server.url = f"http://{host}:{port}/v1"
    yield server
    await runner.cleanup()
