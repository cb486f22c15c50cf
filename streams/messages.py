"""Records on their way to Kafka."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

Headers = Sequence[tuple[str, bytes]]


class Message(NamedTuple):
    """A record to write. Without a partition its key decides, and without a key chance does."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int | None = None
    headers: Headers = ()
