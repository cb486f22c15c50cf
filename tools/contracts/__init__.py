"""The documents of docs/contracts/, made from the code: `make reference` writes them, a test tells when one is old."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from freshet.search.http.openapi import openapi
from tools.contracts.topics import asyncapi, change_feed_schema, event_schema, feedback_schema, query_schema
from tools.reference.operations import service_operations

FOLDER: Final = Path(__file__).parents[2] / "docs" / "contracts"


def documents() -> dict[str, dict[str, Any]]:
    """Each document by the name of its file."""
    return {
        "asyncapi.json": asyncapi(),
        "change-feed.schema.json": change_feed_schema(),
        "event.schema.json": event_schema(),
        "feedback.schema.json": feedback_schema(),
        "openapi.json": openapi(service_operations()),
        "query.schema.json": query_schema(),
    }


def files() -> dict[str, str]:
    """The text of each file by its name."""
    return {name: json.dumps(each, indent=2, ensure_ascii=False) + "\n" for name, each in documents().items()}
