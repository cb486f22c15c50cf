"""The change feed: what the worker says about what it changed in the index."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _FeedRecord(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    index_version: str = Field(description="the collection that was written")


class Change(_FeedRecord):
    """One document of the index version is in the state of the event at `origin`, or in a newer one."""

    kind: Literal["change"] = Field("change", description="what kind of record it is")
    outcome: str = Field(description="what became of the event, as in `freshet_events_total`")
    origin: str = Field(description="where the event lies, `topic/partition@offset`")
    key: str = Field(description="the document key")


class Watermark(_FeedRecord):
    """Every event of the partition below `offset` is indexed and announced."""

    kind: Literal["watermark"] = Field("watermark", description="what kind of record it is")
    topic: str = Field(description="the documents topic")
    partition: int = Field(description="its partition")
    offset: int = Field(description="every event below it is indexed or dead")
