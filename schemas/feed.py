"""The change feed: what the worker says about what it changed in the index."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _FeedRecord(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    index_version: str = Field(description="the collection that was written")
    incarnation: str | None = Field(
        None, description="what tells it from an earlier collection of that name; null where nothing does"
    )


class FeedPassage(BaseModel):
    """A passage of a document's state, as a search scores it; each array is base64 of its little-endian numbers."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    vector: str = Field(description="its vector, of unit length, in half precision")
    terms: str = Field(description="the numbers of its terms, ascending, unsigned and of 32 bits")
    weights: str = Field(description="the weight of each term, in single precision")


class Fields(BaseModel):
    """What filters and facets can see of a state of a document."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    present: bool = Field(
        description="whether there was such a document; false before its first event and after its end"
    )
    metadata: dict[str, Any] | None = Field(description="its metadata; null where that is too large to be told")


class Change(_FeedRecord):
    """One document of the index version is in the state of the event at `origin`, or in a newer one.

    It may be said again of a state that was told before. `passages` are all of the state's, not only new ones, and null
    where they are too large to be told or were gone when they were looked up; `before` is null where it is not known.
    """

    kind: Literal["change"] = Field("change", description="what kind of record it is")
    outcome: str = Field(description="what became of the event, as in `freshet_events_total`")
    origin: str = Field(description="where the event lies, `topic/partition@offset`")
    key: str = Field(description="the document key")
    tenant: str | None = Field(None, description="the document's tenant, where tenants are on")
    before: Fields | None = Field(None, description="the document before")
    after: Fields | None = Field(None, description="the document as it is now; null where it is not known")
    passages: tuple[FeedPassage, ...] | None = Field(None, description="the passages of the document as it is now")
    error: float = Field(0.0, description="the most that half precision changes an inner product with a unit vector")


class Watermark(_FeedRecord):
    """Every event of the partition below `offset` is indexed and announced."""

    kind: Literal["watermark"] = Field("watermark", description="what kind of record it is")
    topic: str = Field(description="the documents topic")
    partition: int = Field(description="its partition")
    offset: int = Field(description="every event below it is indexed or dead")
    live: bool = Field(False, description="whether searches used the version when its worker last looked")
