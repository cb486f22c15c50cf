"""What the log and its sister topics know of one document, beside what the index holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from freshet.schemas.decoding import Record
from freshet.schemas.positions import FreshnessToken


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter of the document; `state` is what was done about it: open, retried or dropped.

    `time` is when it was put there, in seconds since the epoch, and `moment` the time of its record in milliseconds,
    where that is known: a topic that is made anew begins its offsets again.
    """

    origin: FreshnessToken
    reason: str
    message: str
    attempts: int
    time: float
    state: str
    moment: int | None = None


class Looked(NamedTuple):
    """How much of a topic was looked through, newest first: so many offsets of those that there are."""

    offsets: int
    of: int

    @property
    def is_all(self) -> bool:
        return self.offsets >= self.of


class Pace(NamedTuple):
    """How a partition gets on: events per second lately, None where that cannot be said, and when it last did."""

    per_second: float | None
    last: float | None


@dataclass(slots=True)
class LogFacts:
    """What was found; what could not be looked at stands in `untold`, in words.

    `held` is the record that the index holds, where the log has it still; `newest` is the document's newest one behind
    that; `again` is one that waits to be processed again, at its origin. `has_letters` tells whether all dead letters
    were looked through. `next` is, by partition, the offset of the first event that no worker has done; `looked` is by
    topic.
    """

    held: Record | None = None
    newest: Record | None = None
    again: Record | None = None
    letters: Sequence[Letter] = ()
    has_letters: bool = False
    next: dict[int, int] = field(default_factory=dict)
    pace: Pace | None = None
    looked: dict[str, Looked] = field(default_factory=dict)
    untold: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether nothing of the document was found."""
        return self.newest is None and self.again is None and not self.letters
