"""The writes to Qdrant on which the protocol of the index rests, as a proxy sees them."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any

from aiohttp import web


class Write(StrEnum):
    """The steps of streams/writing.py that change something."""

    ADD = "add"
    COMMIT = "commit"
    REMOVE = "remove"


_OF_POINTS = {"passage": Write.ADD, "ledger": Write.COMMIT}


def write_of(request: web.BaseRequest, body: bytes) -> Write | None:
    """Which of them a request is; None for everything else, and where one cannot tell."""
    if request.method == "PUT" and request.path.endswith("/points"):
        return _OF_POINTS.get(json.loads(body)["points"][0]["payload"]["kind"])
    if request.method == "POST" and request.path.endswith("/points/delete"):
        return Write.REMOVE if _displaces(json.loads(body)["filter"]) else None
    return None


def _displaces(condition: dict[str, Any]) -> bool:
    """Whether passages are removed because they were displaced; a sweep names each passage by itself."""
    return any(len(each["must"][0]["has_id"]) > 1 for each in condition.get("should", ()))
