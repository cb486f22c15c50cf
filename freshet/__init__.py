"""Freshet keeps a semantic search index true to a Kafka topic.

What upstream code needs is here, imported when it is first used:

    from freshet import Publisher, SearchClient
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from freshet.schemas.decoding import BadEvent
    from freshet.schemas.errors import (
        DeniedError,
        FreshetError,
        NotSearchableError,
        OverloadedError,
        PermanentError,
        TransientError,
    )
    from freshet.schemas.events import Delete, Upsert
    from freshet.schemas.positions import FreshnessToken
    from freshet.search.client import SearchClient
    from freshet.streams.kafka.security import KafkaSecurity
    from freshet.streams.publisher import Publisher

__all__ = [
    "BadEvent",
    "Delete",
    "DeniedError",
    "FreshetError",
    "FreshnessToken",
    "KafkaSecurity",
    "NotSearchableError",
    "OverloadedError",
    "PermanentError",
    "Publisher",
    "SearchClient",
    "TransientError",
    "Upsert",
    "__version__",
]

_HOMES = {
    "BadEvent": "schemas.decoding",
    "Delete": "schemas.events",
    "DeniedError": "schemas.errors",
    "FreshetError": "schemas.errors",
    "FreshnessToken": "schemas.positions",
    "KafkaSecurity": "streams.kafka.security",
    "NotSearchableError": "schemas.errors",
    "OverloadedError": "schemas.errors",
    "PermanentError": "schemas.errors",
    "Publisher": "streams.publisher",
    "SearchClient": "search.client",
    "TransientError": "schemas.errors",
    "Upsert": "schemas.events",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("freshet")
    if name not in _HOMES:
        raise AttributeError(f"module 'freshet' has no attribute {name!r}")
    return getattr(import_module(f"freshet.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
