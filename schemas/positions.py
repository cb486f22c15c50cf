"""Places in the log, and what *newer* means."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

_TOKEN = re.compile(r"([A-Za-z0-9._-]{1,249})/(0|[1-9][0-9]{0,9})@(0|[1-9][0-9]{0,18})")


class Order(StrEnum):
    """How the events of one document are ordered: a setting of the topic."""

    LOG = "log"
    VERSION = "version"


class Rank(NamedTuple):
    """Where an event stands among the events of its document; the highest rank is the document's state.

    `version` is the event's in `version` order and 0 in `log` order, so that tuples compare right in both.
    """

    version: int
    offset: int


class Place(NamedTuple):
    """Where a record lies in a topic that is known."""

    partition: int
    offset: int


class FreshnessToken(NamedTuple):
    """A position in the log, written `topic/partition@offset`."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}@{self.offset}"

    @classmethod
    def parse(cls, text: str) -> FreshnessToken:
        """Read a token back. Raises ValueError with what a token looks like."""
        match = _TOKEN.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not a freshness token (topic/partition@offset, such as documents/0@17)")
        return cls(match[1], int(match[2]), int(match[3]))
