"""Why an event is processed again: what a record of `documents.again` says beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from freshet.schemas.positions import Rank
from freshet.schemas.words import Word


class Why(Word):
    """Why an event is processed again; the values of the header `reason`."""

    REINSTATED = "reinstated", "a newer record of its key was refused, and compaction would keep only that one"
    RETRIED = "retried", "it was a dead letter, and somebody mended what it failed on"
    HEALED = "healed", "the index differed from it"
    REMOVED = "removed", "no event: the index held a document that the log knows nothing of"
    REPROCESSED = "reprocessed", "somebody asked for it"


_FORCED: Final = frozenset({Why.HEALED, Why.REPROCESSED})


@dataclass(frozen=True, slots=True)
class Again:
    """What an `again` record says beside its event.

    `version` is that of a null value, which cannot say it itself: in version order it has the one of the document that
    it ended. `attempts` counts how often the event was tried before. `until` is the end of its partition, where the log
    was looked at up to there, and had nothing newer of the document; 0 where it was not. `displaces` is the rank of a
    state of the document that the log knows nothing of, and which is to be taken away. No header says that it is
    `earlier`: that it was asked of versions which were there before the build of the one began that reads it.
    """

    why: Why
    attempts: int = 1
    version: int | None = None
    until: int = 0
    displaces: Rank | None = None
    earlier: bool = False

    @property
    def forced(self) -> bool:
        """Whether it is written even where the index holds the same already."""
        return self.why in _FORCED and not self.earlier
