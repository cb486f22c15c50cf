"""What `/status` on the probe port says: a process at a glance."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from freshet.schemas.http import Health


class _Status(BaseModel):
    model_config = ConfigDict(frozen=True)


class IndexStatus(_Status):
    """Which index the process works on."""

    name: str = Field(description="the name that searches use")
    version: str | None = Field(description="the collection behind it; null while it is not known")


class StageStatus(_Status):
    """A stage of the worker; batches come to it in the order of the list."""

    stage: str = Field(description="what is done there")
    waiting: int = Field(description="batches that wait to come in")
    busy: bool = Field(description="whether a batch is in it")
    events: int = Field(description="events that have passed it")
    events_per_second: float = Field(description="those of the last ten seconds")


class PartitionStatus(_Status):
    """How far the index is behind one partition of `documents` or `documents.again`, measured every five seconds."""

    topic: str = Field(description="the topic")
    partition: int = Field(description="its number, from 0")
    committed: int | None = Field(description="offset below which all is indexed; null when nothing is")
    end: int = Field(description="offset of the next event to come")
    events: int = Field(description="events that are not yet indexed, an upper bound where compaction removed some")
    seconds: float = Field(description="age of the oldest of them")


class SpreadStatus(_Status):
    """What was measured in the last minute, in seconds."""

    count: int = Field(description="how many measurements")
    p50: float = Field(description="half of them are at most this")
    p99: float = Field(description="99 of 100 are at most this")


class WorkerStatus(_Status):
    """What a worker does; counts are of this process since its start."""

    group: str = Field(description="its consumer group")
    stages: list[StageStatus] = Field(description="the stages, in order")
    events: dict[str, int] = Field(description="events by outcome, as in `freshet_events_total`")
    dead_letters: dict[str, int] = Field(description="dead letters by reason, as in `freshet_dead_letters_total`")
    freshness: SpreadStatus | None = Field(description="from event time to searchable; null when nothing was written")


class SearchStatus(_Status):
    """What a search service does; counts are of this process since its start."""

    searches: dict[str, int] = Field(description="searches by outcome, as in `search_requests_total`")
    searches_per_second: float = Field(description="those of the last ten seconds")
    latency: SpreadStatus | None = Field(description="time to answer; null when nothing was asked")
    in_flight: int = Field(description="searches that are being worked on")
    shed: dict[str, int] = Field(description="searches sent away by reason, as in `freshet_search_shed_total`")
    answers: dict[str, int] = Field(
        default_factory=dict, description="by where they came from, as in `freshet_result_cache_requests_total`"
    )
    following: bool | None = Field(None, description="whether it follows the change feed now, as in `degraded`")


class Status(_Status):
    """What a process is, whether its parts work, and what it does."""

    process: Literal["worker", "search"] = Field(description="which of the two it is")
    freshet: str = Field(description="its version")
    started_at: AwareDatetime = Field(description="when it was started")
    now: AwareDatetime = Field(description="its clock")
    index: IndexStatus = Field(description="the index that it works on")
    health: Health = Field(description="the checks of `/readyz`")
    lag: list[PartitionStatus] | None = Field(description="by partition; null while Kafka does not tell it")
    worker: WorkerStatus | None = Field(None, description="of a worker that has started")
    search: SearchStatus | None = Field(None, description="of a search service")
