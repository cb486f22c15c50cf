"""Gathering what a process tells of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from freshet.schemas.status import IndexStatus, PartitionStatus, SearchStatus, Status, WorkerStatus
from freshet.search.health import Check, run_checks


def _now() -> datetime:
    return datetime.now(UTC)


def _unknown() -> None:
    return None


@dataclass
class Board:
    """Where each part of a process is put up as soon as it is there; until then nothing is known of it.

    `index` is the name that searches use, `version` tells the collection behind it. `checks` fail while it is not
    ready, `lives` when it must be started again.
    """

    process: Literal["worker", "search"]
    index: str
    checks: Mapping[str, Check]
    lives: Mapping[str, Check] = field(default_factory=dict)
    version: Callable[[], str | None] = _unknown
    lag: Callable[[], list[PartitionStatus] | None] = _unknown
    worker: Callable[[], WorkerStatus | None] = _unknown
    search: Callable[[], SearchStatus | None] = _unknown
    now: Callable[[], datetime] = _now
    started_at: datetime = field(default_factory=_now)

    async def status(self) -> Status:
        """How things stand now; takes as long as the checks do, some seconds at most."""
        from freshet import __version__

        health = await run_checks(self.checks)
        return Status(
            process=self.process,
            freshet=__version__,
            started_at=self.started_at,
            now=self.now(),
            index=IndexStatus(name=self.index, version=self.version()),
            health=health,
            lag=self.lag(),
            worker=self.worker(),
            search=self.search(),
        )
