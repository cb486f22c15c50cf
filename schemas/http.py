"""Bodies of the HTTP service: what a request may hold, and what an answer promises."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from freshet.schemas.events import MAX_TITLE_CHARACTERS, DocumentId, Metadata, Tenant, Version
from freshet.schemas.positions import Order

MAX_LIMIT: Final = 100
MAX_WAIT_MS: Final = 30_000

Mode = Literal["dense"]


class _Request(BaseModel):
    # Events ignore unknown fields, requests refuse them: a misspelt option must not change an answer in silence.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class SearchRequest(_Request):
    """What `POST /search` takes; the parameters of `GET /search` are the same, with `q` for `query`."""

    query: str = Field(description="up to 8,000 characters, at least one of them visible")
    limit: int = Field(5, ge=1, le=MAX_LIMIT, description="documents in the answer")
    offset: int = Field(0, ge=0, description="documents to skip, below 100")
    tenant: Tenant | None = Field(None, description="required with tenants on, refused with tenants off")
    mode: Mode = Field("dense", description="what is compared; there is one mode in this version")
    explain: bool = Field(False, description="also tell which passages spoke for each document")


class PassageScore(_Answer):
    """A passage that spoke for its document: its number in the document, from 0, and its cosine similarity."""

    id: str = Field(description="the passage's point in Qdrant")
    position: int = Field(description="its number in the document, from 0")
    score: float = Field(description="cosine similarity of the query and the passage, −1 to 1")


def _absent(value: object) -> bool:
    return value is None


class SearchResult(_Answer):
    """A document, with the text of its best passage; `passages` only where an explanation was asked for.

    `highlights` are the places of the query's words in `text`: half-open ranges of code points, in order and disjoint.
    """

    id: str = Field(description="the document's id")
    score: float = Field(description="that of its best passage")
    title: str = Field(description="the document's title")
    text: str = Field(description="its best passage")
    highlights: list[tuple[int, int]] = Field(
        default_factory=list, description="where `text` holds words of the query: start and end in code points"
    )
    metadata: dict[str, Any] = Field(description="the document's metadata")
    passages: list[PassageScore] | None = Field(
        default=None, exclude_if=_absent, description="the passages that spoke for it, where `explain` asked for them"
    )


class IndexParameters(_Request):
    """What may stand behind the question mark of `GET /index`.

    The answer comes as soon as `changed_at` is not `after` (not null, where it is not given), or after `wait_ms`.
    """

    after: AwareDatetime | None = Field(None, description="a `changed_at` that is known already")
    wait_ms: int = Field(0, ge=0, le=MAX_WAIT_MS, description="longest wait for another one")


class IndexFacts(_Answer):
    """What the index holds: the live version, its documents, and how fresh they are.

    `newest_event_at` is the event time of the document state that became searchable last, `changed_at` the moment when
    it did; both are null while nothing is indexed. `now` is the server's clock. `tenants` and `order` are the topic's
    settings; `publishing` tells whether the routes that publish work here.
    """

    index: str = Field(description="the name that searches use")
    version: str = Field(description="the collection behind it")
    documents: int = Field(description="documents that can be found")
    newest_event_at: AwareDatetime | None = Field(description="event time of what became searchable last")
    changed_at: AwareDatetime | None = Field(description="when that became searchable")
    now: AwareDatetime = Field(description="the server's clock")
    tenants: bool = Field(description="whether every search names its tenant")
    order: Order = Field(description="what is newer: the later offset, or the higher version")
    publishing: bool = Field(description="whether the routes that publish work here")


class IndexState(_Answer):
    """What the answer was read from."""

    version: str = Field(description="the collection")


class SearchAnswer(_Answer):
    """What a search answers. `took_ms` and `stages` are in milliseconds; `degraded` names what had to be left out."""

    query_id: str = Field(description="names this search in logs")
    results: list[SearchResult] = Field(description="the documents, best first")
    took_ms: float = Field(description="time to answer")
    stages: dict[str, float] = Field(description="time of each stage, as in `freshet_search_stage_seconds`")
    degraded: list[str] = Field(description="what had to be left out; empty in this version")
    index: IndexState = Field(description="what was searched")


class DocumentPath(_Request):
    """What stands in the path of a document."""

    id: DocumentId = Field(description="the document's id, percent-encoded as UTF-8; it may hold slashes")


class DocumentBody(_Request):
    """What `PUT /documents/{id}` takes: the full state of a document, whose id is in the path."""

    text: str = Field(description="what is searched; may be empty")
    title: str = Field("", max_length=MAX_TITLE_CHARACTERS, description="put before every passage when it is embedded")
    metadata: Metadata = Field(default_factory=dict, description="as in an event")
    version: Version | None = Field(None, description="required where the topic is ordered by version")
    occurred_at: AwareDatetime | None = Field(None, description="when it happened upstream; else the request's time")
    tenant: Tenant | None = Field(None, description="required with tenants on, refused with tenants off")


class DeleteParameters(_Request):
    """What may stand behind the question mark of `DELETE /documents/{id}`."""

    version: Version | None = Field(None, description="required where the topic is ordered by version")
    tenant: Tenant | None = Field(None, description="required with tenants on, refused with tenants off")


class Published(_Answer):
    """One event is in the log; it is searchable when what the worker has committed is above `token`."""

    token: str = Field(description="where the event lies, `topic/partition@offset`")


class BulkPublished(_Answer):
    """Events are in the log; `tokens` are the highest position of each partition that took some."""

    accepted: int = Field(description="events in the log")
    upserts: int = Field(description="those of them that are states of documents")
    deletes: int = Field(description="those of them that are ends of documents")
    tokens: list[str] = Field(description="the highest position of each partition that took events")


class FieldError(_Answer):
    """One mistake of a request: the field (or parameter), and where the body has lines, the line from 1."""

    field: str = Field(description="the field or parameter at fault")
    message: str = Field(description="a sentence for people")
    line: int | None = Field(default=None, exclude_if=_absent, description="the line of an NDJSON body, from 1")


class ProblemBody(_Answer):
    """Every error, as RFC 9457 has it. `type` is stable; `errors` names the fields at fault, where there are some."""

    type: str = Field(description="one of the table below; stable")
    title: str = Field(description="the kind of problem, for people")
    status: int = Field(description="the answer's status")
    detail: str = Field(description="what is wrong with this request, for people")
    errors: list[FieldError] = Field(
        default_factory=list, exclude_if=lambda errors: not errors, description="the mistakes, 20 at most"
    )
    request_id: str = Field(description="stands in the log beside what went wrong; also in `X-Request-ID`")


class CheckResult(_Answer):
    """What one check found; `error` says why it failed."""

    ok: bool = Field(description="whether the part works")
    error: str | None = Field(default=None, exclude_if=_absent, description="what is wrong with it")


class Health(_Answer):
    """What `/health`, `/readyz` and `/livez` answer: 200 when all checks pass, 503 when one does not."""

    status: Literal["healthy", "unhealthy"] = Field(description="healthy when every check passed")
    checks: dict[str, CheckResult] = Field(description="what each check found, by its name")
