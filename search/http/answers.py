"""Writing answers."""

from __future__ import annotations

from aiohttp import web
from pydantic import BaseModel


def json_response(answer: BaseModel, *, status: int = 200) -> web.Response:
    """An answer as JSON."""
    return web.Response(status=status, body=answer.model_dump_json().encode(), content_type="application/json")
