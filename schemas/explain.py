"""What is told of one document: what the index holds of it, and what became of anything newer."""

from __future__ import annotations

from typing import Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from freshet.schemas.events import Tenant
from freshet.schemas.http import DEFAULT_WAIT_MS, FRESH_AFTER, MAX_TOKENS, MAX_WAIT_MS, WAIT_MS, IndexState, Tokens

MOST_LETTERS: Final = 20


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class ExplainParameters(_Request):
    """What may stand behind the question mark of `GET /documents/{id}`."""

    tenant: Tenant | None = Field(None, description="required with tenants on but for a tenant's key, else refused")
    passages: bool = Field(False, description="also tell the texts of its passages")
    fresh_after: Tokens = Field((), max_length=MAX_TOKENS, description=FRESH_AFTER)
    wait_ms: int = Field(DEFAULT_WAIT_MS, ge=0, le=MAX_WAIT_MS, description=WAIT_MS)


class EventFacts(_Answer):
    """An event of the document, and what is known of where it came from."""

    event: str = Field(description="where it lies, `topic/partition@offset`")
    at: AwareDatetime | None = Field(description="event time: `occurred_at` where given, else the record's own")
    written_at: AwareDatetime | None = Field(description="the record's own time, where the log has it still")
    version: int | None = Field(description="its version, where it has one")
    producer: dict[str, str] = Field(
        description="headers of the record that say who produced it, such as `ce_source`, where the log has it still"
    )


class StageTimes(_Answer):
    """Where the time went from the event to searchable, in seconds; each stage with what its batch waited for it."""

    queued: float | None = Field(
        description="from event time until a worker fetched it; null where the event came again, for that is no lag"
    )
    decode: float = Field(description="reading it")
    plan: float = Field(description="comparing it with what the index held, and cutting it into passages")
    embed: float = Field(description="vectors")
    write: float = Field(description="adding its passages to the index")


class VectorFacts(_Answer):
    """How the passages' vectors came, in passages; `tokens` are those that the model was given."""

    embedded: int = Field(description="made by the model")
    cached: int = Field(description="found in the embedding cache")
    taken_over: int = Field(description="those of the state before, whose text was the same")
    kept: int = Field(description="passages of the state before that did not change")
    tokens: int = Field(description="what the model was given")


class IndexedFacts(_Answer):
    """The state that the index holds, of which the document is searchable, or deleted."""

    index_version: str = Field(description="the collection")
    model: str = Field(description="what made the vectors")
    event: EventFacts = Field(description="the event that made the state")
    since: AwareDatetime | None = Field(
        description="when searches began to find it, or no longer did; of an event that came again, when it was written"
    )
    again: bool = Field(
        description="whether the event came again, after a retry, a verification or a reprocessing: searches may have "
        "found the document before `since`"
    )
    title: str = Field(description="its title")
    passages: int = Field(description="how many passages it has")
    tokens: int = Field(description="tokens of the passages whose text was new, whether or not they were paid for")
    cost_usd: float | None = Field(description="what its vectors cost; null where price or tokens are not known")
    vectors: VectorFacts | None = Field(description="how they came; null for what older releases wrote")
    stages: StageTimes | None = Field(description="where the time went; null for what older releases wrote")
    texts: list[str] | None = Field(
        default=None, exclude_if=lambda texts: texts is None, description="its passages, where they were asked for"
    )


class LetterFacts(_Answer):
    """A dead letter of the document."""

    event: str = Field(description="where the event lies that could not be indexed")
    reason: str = Field(description="why, as in `freshet_dead_letters_total`")
    message: str = Field(description="the same for people")
    attempts: int = Field(description="how often it was tried")
    at: AwareDatetime | None = Field(description="when it was put there")
    state: str = Field(description="what was done about it: open, retried or dropped")


class NewerFacts(_Answer):
    """An event of the document that is newer than what the index holds, and what became of it."""

    outcome: str = Field(
        description="waiting, again, dead, stale, unchanged, forgotten, differs or untold; docs/explain.md tells them"
    )
    event: EventFacts | None = Field(description="the event, where the log has it still")
    ahead: int | None = Field(description="events before it in its partition that are to be done, where it waits")
    eta_seconds: float | None = Field(description="when it will be searchable at the rate of the last minute")
    letter: LetterFacts | None = Field(description="its dead letter")
    problem: str | None = Field(description="why it can never be indexed, where its dead letter was not found")
    won: str | None = Field(description="the event that won over it, where it was refused as stale")


class LookedFacts(_Answer):
    """How much of a topic was looked through, newest first."""

    topic: str = Field(description="the topic")
    offsets: int = Field(description="how many offsets")
    of: int = Field(description="of so many that might hold something of the document")


class DocumentFacts(_Answer):
    """Where a document is: what searches find of it, what is newer, and what could not be told."""

    id: str = Field(description="the document's id")
    tenant: str | None = Field(description="its tenant, where there are some")
    state: str = Field(description="searchable, deleted or absent")
    told: list[str] = Field(description="the same in sentences for people")
    indexed: IndexedFacts | None = Field(description="the state that the index holds")
    newer: NewerFacts | None = Field(description="a newer event, and what became of it")
    dead_letters: list[LetterFacts] = Field(description=f"its dead letters, the newest first, {MOST_LETTERS} at most")
    looked: list[LookedFacts] = Field(description="how far the log was looked through")
    untold: list[str] = Field(description="what could not be looked at, and why")
    pending: list[str] = Field(
        default_factory=list,
        exclude_if=lambda pending: not pending,
        description="the tokens of `fresh_after` whose events this may not show: it could not wait so long",
    )
    index: IndexState = Field(description="what was looked at")
