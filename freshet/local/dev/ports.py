"""Where the parts of `freshet dev` listen."""

from __future__ import annotations

import secrets
from typing import Final

from freshet.local.dev.files import Kept
from freshet.local.processes import free_ports
from freshet.local.stack import is_free

KAFKA_PORT: Final = 9092
QDRANT_PORT: Final = 6333


def choose(kept: Kept | None) -> Kept:
    """The usual ports where they are free, else the last ones, else any; the key stays what it was."""
    kafka, qdrant = free_ports(2)
    return Kept(
        _first_free(KAFKA_PORT, kept.kafka_port if kept else None) or kafka,
        _first_free(QDRANT_PORT, kept.qdrant_port if kept else None) or qdrant,
        kept.api_key if kept else secrets.token_urlsafe(24),
    )


def _first_free(*ports: int | None) -> int | None:
    return next((port for port in ports if port and is_free(port)), None)
