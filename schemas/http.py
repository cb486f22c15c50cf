"""Bodies of the HTTP service: what a request may hold, and what an answer promises."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from freshet.schemas.events import MAX_TITLE_CHARACTERS, Metadata, Tenant, Version

MAX_LIMIT: Final = 100

Mode = Literal["dense"]


class _Request(BaseModel):
    # Events ignore unknown fields, requests refuse them: a misspelt option must not change an answer in silence.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class SearchRequest(_Request):
    """What `POST /search` takes; the parameters of `GET /search` are the same, with `q` for `query`."""

    query: str
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = 5
    offset: Annotated[int, Field(ge=0)] = 0
    tenant: Tenant | None = None
    mode: Mode = "dense"
    explain: bool = False


class PassageScore(_Answer):
    """A passage that spoke for its document: its number in the document, from 0, and its cosine similarity."""

    id: str
    position: int
    score: float


def _absent(value: object) -> bool:
    return value is None


class SearchResult(_Answer):
    """A document, with the text of its best passage; `passages` only where an explanation was asked for."""

    id: str
    score: float
    title: str
    text: str
    metadata: dict[str, Any]
    passages: list[PassageScore] | None = Field(default=None, exclude_if=_absent)


class IndexState(_Answer):
    """What the answer was read from."""

    version: str


class SearchAnswer(_Answer):
    """What a search answers. `took_ms` and `stages` are in milliseconds; `degraded` names what had to be left out."""

    query_id: str
    results: list[SearchResult]
    took_ms: float
    stages: dict[str, float]
    degraded: list[str]
    index: IndexState


class DocumentBody(_Request):
    """What `PUT /documents/{id}` takes: the full state of a document, whose id is in the path."""

    text: str
    title: Annotated[str, Field(max_length=MAX_TITLE_CHARACTERS)] = ""
    metadata: Metadata = Field(default_factory=dict)
    version: Version | None = None
    occurred_at: AwareDatetime | None = None
    tenant: Tenant | None = None


class DeleteParameters(_Request):
    """What may stand behind the question mark of `DELETE /documents/{id}`."""

    version: Version | None = None
    tenant: Tenant | None = None


class Published(_Answer):
    """One event is in the log; a search that carries the token sees it."""

    token: str


class BulkPublished(_Answer):
    """Events are in the log; `tokens` are the highest position of each partition that took some."""

    accepted: int
    upserts: int
    deletes: int
    tokens: list[str]


class FieldError(_Answer):
    """One mistake of a request: the field (or parameter), and where the body has lines, the line from 1."""

    field: str
    message: str
    line: int | None = Field(default=None, exclude_if=_absent)


class ProblemBody(_Answer):
    """Every error, as RFC 9457 has it. `type` is stable; `errors` names the fields at fault, where there are some."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldError] = Field(default_factory=list, exclude_if=lambda errors: not errors)
    request_id: str


class CheckResult(_Answer):
    """What one check found; `error` says why it failed."""

    ok: bool
    error: str | None = Field(default=None, exclude_if=_absent)


class Health(_Answer):
    """What `/health`, `/readyz` and `/livez` answer: 200 when all checks pass, 503 when one does not."""

    status: Literal["healthy", "unhealthy"]
    checks: dict[str, CheckResult]
