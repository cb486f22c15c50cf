"""What search tells Kafka of its quality: what was asked and answered, and what people thought of it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer

from freshet.schemas.filters import Filter
from freshet.schemas.http import Mode, QueryId


def _as_asked(filters: Filter | None) -> dict[str, Any] | None:
    """What was given, and no defaults: the language takes one operator in a condition."""
    return None if filters is None else filters.model_dump(mode="json", by_alias=True, exclude_unset=True)


AskedFilter = Annotated[Filter | None, PlainSerializer(_as_asked)]


class _Record(BaseModel):
    # Unknown fields are ignored, so that services may be newer than whoever reads their records.
    model_config = ConfigDict(extra="ignore", frozen=True)


class QueryRecord(_Record):
    """A search that was answered: a record of `search.queries`, under its query id."""

    query_id: QueryId = Field(description="as in the answer")
    time: AwareDatetime = Field(description="when it was answered")
    tenant: str | None = Field(None, description="whose documents were searched; null with tenants off")
    index_version: str = Field(description="the collection that answered")
    query: str | None = Field(None, description="what was asked; only with FRESHET_SEARCH__RECORD_QUERIES=text")
    mode: Mode = Field(description="what was compared")
    rerank: bool = Field(True, description="whether a reranker was to put the best in order, where there is one")
    limit: int = Field(description="documents that were asked for")
    offset: int = Field(0, description="documents that were skipped")
    filters: AskedFilter = Field(None, description="which documents counted; null for all")
    results: list[tuple[str, float]] = Field(description="ids and scores of the documents, best first")
    took_ms: float = Field(description="time to answer")
    degraded: list[str] = Field(default_factory=list, description="what had to be left out")
    cached: bool = Field(False, description="whether the answer came from the cache")


class FeedbackRecord(_Record):
    """What somebody thought of a result: a record of `search.feedback`, under the query's id."""

    query_id: QueryId = Field(description="the search, as its answer named it")
    time: AwareDatetime = Field(description="when it was said")
    tenant: str | None = Field(None, description="whose document it is; null with tenants off")
    id: str = Field(description="the document")
    score: float = Field(ge=0, le=1, description="0 for useless, 1 for just what was looked for")
