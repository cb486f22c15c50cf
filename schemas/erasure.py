"""What is left of a document that was deleted, place by place."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from freshet.schemas.explain import LookedFacts


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class RemainFacts(_Answer):
    """Something that is left of a document in one place."""

    place: str = Field(description="the topic, the index version, `embedding cache` or `kept answers`")
    what: str = Field(description="what is left there")
    where: list[str] = Field(description="the records by their places, the points or the keys")
    until: str = Field(description="when it will be gone by itself")
    todo: str = Field(description="what to do about it; empty where waiting is all")


class ErasureFacts(_Answer):
    """What is left of a document that was deleted."""

    id: str = Field(description="the document's id")
    tenant: str | None = Field(description="its tenant, where there are some")
    is_deleted: bool = Field(description="whether the live version holds its end")
    remains: list[RemainFacts] = Field(description="what is left, by place")
    looked: list[LookedFacts] = Field(description="how far the topics were looked through")
    untold: list[str] = Field(description="what could not be looked at, and why")
