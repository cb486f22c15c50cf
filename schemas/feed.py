"""The change feed: what the worker says about what it changed in the index."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class _FeedRecord(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    index_version: str


class Change(_FeedRecord):
    """One document of the index version is in the state of the event at `origin`, or in a newer one."""

    kind: Literal["change"] = "change"
    outcome: str
    origin: str
    key: str


class Watermark(_FeedRecord):
    """Every event of the partition below `offset` is indexed and announced."""

    kind: Literal["watermark"] = "watermark"
    topic: str
    partition: int
    offset: int
