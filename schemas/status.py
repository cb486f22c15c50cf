"""What `/status` on the probe port says: a process at a glance."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from freshet.schemas.http import Health


class _Status(BaseModel):
    model_config = ConfigDict(frozen=True)


class IndexStatus(_Status):
    """Which index the process works on; the version is None while it is not known yet."""

    name: str
    version: str | None


class StageStatus(_Status):
    """A stage of the worker: batches that wait before it, whether one is in it, and events that have passed it."""

    stage: str
    waiting: int
    busy: bool
    events: int
    events_per_second: float


class PartitionStatus(_Status):
    """How far the index is behind one partition; `seconds` is the age of its oldest event that is not indexed."""

    topic: str
    partition: int
    committed: int | None
    end: int
    events: int
    seconds: float


class SpreadStatus(_Status):
    """The spread of what was measured lately, in seconds; `count` is how many measurements that were."""

    count: int
    p50: float
    p99: float


class WorkerStatus(_Status):
    """What a worker does. Counts are of this process since its start; rates and spreads are of the last seconds."""

    group: str
    stages: list[StageStatus]
    events: dict[str, int]
    events_per_second: float
    dead_letters: dict[str, int]
    freshness: SpreadStatus | None


class SearchStatus(_Status):
    """What a search service does."""

    searches: dict[str, int]
    searches_per_second: float
    latency: SpreadStatus | None


class Status(_Status):
    """What a process is, whether its parts work, and what it does. `lag` is None while Kafka does not tell it."""

    process: Literal["worker", "search"]
    freshet: str
    started_at: AwareDatetime
    now: AwareDatetime
    index: IndexStatus
    health: Health
    lag: list[PartitionStatus] | None
    worker: WorkerStatus | None = None
    search: SearchStatus | None = None
