"""Bodies of the HTTP service: what a request may hold, and what an answer promises."""

from __future__ import annotations

from collections.abc import Sized
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo
from pydantic_core import from_json

from freshet.schemas.events import MAX_TITLE_CHARACTERS, DocumentId, Metadata, Tenant, Version
from freshet.schemas.fields import Kind
from freshet.schemas.filter_values import Key
from freshet.schemas.filters import Filter
from freshet.schemas.positions import FreshnessToken, Order

MAX_LIMIT: Final = 100
MAX_WAIT_MS: Final = 30_000
DEFAULT_WAIT_MS: Final = 2_000
MAX_FACETS: Final = 10
MAX_TOKENS: Final = 100

Mode = Literal["hybrid", "dense", "sparse"]
QueryId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$")]
ListName = Literal["dense", "sparse"]


class _Request(BaseModel):
    # Events ignore unknown fields, requests refuse them: a misspelt option must not change an answer in silence.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


def _from_parameter(given: object, info: ValidationInfo) -> object:
    """A filter that stands in an address is the text of its JSON."""
    return from_json(given) if isinstance(given, str) and info.mode != "json" else given


def _split(given: object, info: ValidationInfo) -> object:
    """Several names in an address have commas between them."""
    return given.split(",") if isinstance(given, str) and info.mode != "json" else given


def _split_anywhere(given: object) -> object:
    """One token is a list of one, also in JSON."""
    return given.split(",") if isinstance(given, str) else given


def _token(text: str) -> str:
    """Raises ValueError where it is none."""
    return str(FreshnessToken.parse(text.strip()))


def _different(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError("names a field twice")
    return names


FilterParameter = Annotated[Filter | None, BeforeValidator(_from_parameter)]
FacetsParameter = Annotated[tuple[Key, ...], Field(strict=False), BeforeValidator(_split), AfterValidator(_different)]


Token = Annotated[str, AfterValidator(_token)]
Tokens = Annotated[tuple[Token, ...], Field(strict=False), BeforeValidator(_split_anywhere)]
FRESH_AFTER: Final = "freshness tokens: the answer shows their events, or says in `pending` which not; one, or a list"
WAIT_MS: Final = "longest wait for the events of `fresh_after`"


class SearchRequest(_Request):
    """What `POST /search` takes; the parameters of `GET /search` are the same, with `q` for `query`.

    There `filters` is the text of its JSON, and the names in `facets` and the tokens in `fresh_after` have commas
    between them. The header `Freshet-Fresh-After` adds tokens to `fresh_after`.
    """

    query: str = Field("", description="up to 8,000 characters, and no more tokens than the model takes; empty to list")
    limit: int = Field(5, ge=1, le=MAX_LIMIT, description="documents in the answer")
    offset: int = Field(0, ge=0, description="documents to skip, below 100")
    tenant: Tenant | None = Field(None, description="required with tenants on but for a tenant's key, else refused")
    mode: Mode = Field("hybrid", description="what is compared: meaning (dense), words (sparse), or both")
    rerank: bool = Field(True, description="put the best in order by a reranker, where there is one")
    explain: bool = Field(False, description="also tell what was asked, and why each document is where it is")
    filters: FilterParameter = Field(None, description="which documents count")
    facets: FacetsParameter = Field(
        (), max_length=MAX_FACETS, description="fields whose values are counted, such as metadata.lang"
    )
    facet_limit: int = Field(20, ge=1, le=MAX_LIMIT, description="values of each of them in the answer")
    fresh_after: Tokens = Field((), max_length=MAX_TOKENS, description=FRESH_AFTER)
    wait_ms: int = Field(DEFAULT_WAIT_MS, ge=0, le=MAX_WAIT_MS, description=WAIT_MS)


class PassageScore(_Answer):
    """A passage that spoke for its document, with its score in each list that holds it."""

    id: str = Field(description="the passage's point in Qdrant")
    position: int = Field(description="its number in the document, from 0")
    dense: float | None = Field(description="cosine similarity of the query and the passage, −1 to 1")
    sparse: float | None = Field(description="BM25 score of the query's words in the passage")


class Standing(_Answer):
    """Where a document stands in one list."""

    rank: int = Field(description="from 1")
    score: float = Field(description="the score of its best passage in that list")


class Explanation(_Answer):
    """Why a document is where it is; a list that was not asked for, or does not hold it, is null."""

    dense: Standing | None = Field(description="its place by meaning")
    sparse: Standing | None = Field(description="its place by words")
    fused: float = Field(description="what both lists make of it; of one list its score there")
    rerank: float | None = Field(description="the reranker's score, 0 to 1, where it was reranked")
    event: str = Field(description="the event that it is shown as of: `topic/partition@offset`")
    passages: list[PassageScore] = Field(description="the passages that spoke for it, best first")


class QueryStep(_Answer):
    """A change that was made to a query."""

    step: str = Field(description="its name")
    meaning: str = Field(description="what was done, for people")


class QueryExplanation(_Answer):
    """What was asked for in the end."""

    text: str = Field(description="the query as the model got it")
    steps: list[QueryStep] = Field(description="what was changed to make it that")
    terms: list[str] = Field(description="the stems of its words that were looked for, without stop words")
    statistics: int | None = Field(description="number of the snapshot of term statistics that weighed them")
    reranker: str | None = Field(description="the model that put the first documents in order, where one did")


def _absent(value: object) -> bool:
    return value is None


def _is_empty(value: Sized) -> bool:
    return not value


class SearchResult(_Answer):
    """A document, with the text of its best passage.

    `highlights` are the places of the query's words in `text`: half-open ranges of code points, in order and disjoint.
    """

    id: str = Field(description="the document's id")
    score: float = Field(description="the reranker's, 0 to 1, else that of both lists, 0 to 1, or of the one list")
    title: str = Field(description="the document's title")
    text: str = Field(description="its best passage")
    highlights: list[tuple[int, int]] = Field(
        default_factory=list, description="where `text` holds words of the query: start and end in code points"
    )
    metadata: dict[str, Any] = Field(description="the document's metadata")
    explanation: Explanation | None = Field(
        default=None, exclude_if=_absent, description="why it is where it is, where `explain` asked for that"
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
    settings; `publishing` tells whether the routes that publish work here, for this key. `tenant` is the one that the
    key acts for, and of which documents and times are then told; null where it may name any. `fields` and `reranking`
    are what searches can ask for.
    """

    index: str = Field(description="the name that searches use")
    version: str = Field(description="the collection behind it")
    documents: int = Field(description="documents that can be found")
    newest_event_at: AwareDatetime | None = Field(description="event time of what became searchable last")
    changed_at: AwareDatetime | None = Field(description="when that became searchable")
    now: AwareDatetime = Field(description="the server's clock")
    tenants: bool = Field(description="whether every search names its tenant")
    order: Order = Field(description="what is newer: the later offset, or the higher version")
    publishing: bool = Field(description="whether the routes that publish work here, for this key")
    tenant: str | None = Field(description="the only tenant that the key acts for; null where it may name any")
    fields: dict[str, Kind] = Field(description="what can be filtered, such as metadata.lang, and what each holds")
    reranking: bool = Field(description="whether there is a reranker")


class FacetCount(_Answer):
    """A value of a field, and how many of the documents that pass the filter have it."""

    value: str | int | bool = Field(description="the value")
    count: int = Field(description="documents that have it")


class IndexState(_Answer):
    """What the answer was read from, and how far that was: every event below a watermark is in the answer's index.

    It may show later events, too. `topic` and the offsets make freshness tokens; so does the header
    `Freshet-Watermark`.
    """

    version: str = Field(description="the collection")
    topic: str = Field("", description="the documents topic that it follows")
    watermarks: dict[int, int] = Field(
        default_factory=dict,
        description="by partition of that topic, the offset below which every event is indexed or dead; partitions of "
        "which that is not known are left out",
    )


class SearchAnswer(_Answer):
    """What a search answers. `took_ms` and `stages` are in milliseconds; `degraded` names what had to be left out."""

    query_id: str = Field(description="names this search, for feedback on it and in `search.queries`")
    query: QueryExplanation | None = Field(
        default=None, exclude_if=_absent, description="what was asked for in the end, where `explain` asked for that"
    )
    results: list[SearchResult] = Field(description="the documents, best first")
    reranked: bool = Field(description="whether a reranker put the first documents in order")
    took_ms: float = Field(description="time to answer")
    stages: dict[str, float] = Field(description="time of each stage, as in `freshet_search_stage_seconds`")
    cached: bool = Field(False, description="whether it was kept from before, and proven to be still true")
    degraded: list[str] = Field(description="what had to be left out: values of `freshet_search_degraded_total`")
    pending: list[str] = Field(
        default_factory=list,
        exclude_if=_is_empty,
        description="the tokens of `fresh_after` whose events the answer may not show: it could not wait so long",
    )
    index: IndexState = Field(description="what was searched")
    facets: dict[str, list[FacetCount]] = Field(
        default_factory=dict,
        exclude_if=_is_empty,
        description="where `facets` asked for them: of each field its most frequent values, in all documents that pass",
    )


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
    tenant: Tenant | None = Field(None, description="required with tenants on but for a tenant's key, else refused")


class DeleteParameters(_Request):
    """What may stand behind the question mark of `DELETE /documents/{id}`."""

    version: Version | None = Field(None, description="required where the topic is ordered by version")
    tenant: Tenant | None = Field(None, description="required with tenants on but for a tenant's key, else refused")


class Published(_Answer):
    """One event is in the log; it is searchable when what the worker has committed is above `token`."""

    token: str = Field(description="where the event lies, `topic/partition@offset`")


class BulkPublished(_Answer):
    """Events are in the log; `tokens` are the highest position of each partition that took some."""

    accepted: int = Field(description="events in the log")
    upserts: int = Field(description="those of them that are states of documents")
    deletes: int = Field(description="those of them that are ends of documents")
    tokens: list[str] = Field(description="the highest position of each partition that took events")


class FeedbackBody(_Request):
    """What `POST /feedback` takes: what somebody thought of one result of a search."""

    query_id: QueryId = Field(description="the search, as its answer names it")
    id: DocumentId = Field(description="the document")
    score: float = Field(ge=0, le=1, description="0 for useless, 1 for just what was looked for")
    tenant: Tenant | None = Field(None, description="required with tenants on but for a tenant's key, else refused")


class FeedbackTaken(_Answer):
    """What was said is kept."""

    query_id: str = Field(description="the search that it is about")


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
    errors: list[FieldError] = Field(default_factory=list, exclude_if=_is_empty, description="the mistakes, 20 at most")
    request_id: str = Field(description="stands in the log beside what went wrong; also in `X-Request-ID`")


class CheckResult(_Answer):
    """What one check found; `error` says why it failed."""

    ok: bool = Field(description="whether the part works")
    error: str | None = Field(default=None, exclude_if=_absent, description="what is wrong with it")


class Health(_Answer):
    """What `/health`, `/readyz` and `/livez` answer: 200 when all checks pass, 503 when one does not."""

    status: Literal["healthy", "unhealthy"] = Field(description="healthy when every check passed")
    checks: dict[str, CheckResult] = Field(description="what each check found, by its name")
