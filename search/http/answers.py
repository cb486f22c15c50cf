"""Writing answers."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web
from pydantic import BaseModel


def json_response(answer: BaseModel, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """An answer as JSON."""
    body = answer.model_dump_json().encode()
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)
