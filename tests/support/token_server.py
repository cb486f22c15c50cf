"""Gives tokens to clients that know their secret, as a company's login does."""

import base64
import json
import time
from collections.abc import Mapping
from typing import Self
from urllib.parse import unquote_plus

from aiohttp import web

from freshet.local.processes import LOOPBACK, free_port


class TokenServer:
    """`async with TokenServer({"worker": "secret"}) as server:` answers at `server.url`; tokens have no signature.

    `server.given` has the scopes that tokens were asked for; `expires_in` is told instead of `seconds`, where given.
    """

    def __init__(self, clients: Mapping[str, str], *, seconds: int = 600, expires_in: object = None) -> None:
        self.url = f"http://{LOOPBACK}:{(port := free_port())}/token"
        self.given: list[str] = []
        self._port = port
        self._clients = clients
        self._seconds = seconds
        self._expires_in = seconds if expires_in is None else expires_in

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/token", self._answer)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, self._port).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        kind, _, login = request.headers.get("Authorization", "").partition(" ")
        client, secret = (unquote_plus(part) for part in base64.b64decode(login).decode().split(":"))
        form = await request.post()
        if kind != "Basic" or self._clients.get(client) != secret or form["grant_type"] != "client_credentials":
            return web.json_response({"error": "invalid_client"}, status=401)
        self.given.append(str(form.get("scope", "")))
        return web.json_response(
            {"access_token": _token(client, self._seconds), "token_type": "bearer", "expires_in": self._expires_in}
        )


def _token(subject: str, seconds: int) -> str:
    now = time.time()
    parts = [{"alg": "none"}, {"sub": subject, "iat": now, "exp": now + seconds}]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, ""])
