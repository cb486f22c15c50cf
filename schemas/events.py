"""The events of the documents topic: the full state of a document, or its end."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter

from freshet.schemas.again import Again
from freshet.schemas.keys import TENANT

MAX_ID_CHARACTERS: Final = 512
MAX_TITLE_CHARACTERS: Final = 2_000
MAX_METADATA_DEPTH: Final = 16
_INT64: Final = 2**63


def _storable(metadata: dict[str, Any]) -> dict[str, Any]:
    """Refuse what Qdrant's JSON cannot hold: numbers that are not finite or beyond 64 bits, and endless nesting."""
    stack: list[tuple[Any, str, int]] = [(metadata, "metadata", 0)]
    while stack:
        value, path, depth = stack.pop()
        if depth > MAX_METADATA_DEPTH:
            raise ValueError(f"{path} is nested deeper than {MAX_METADATA_DEPTH} levels")
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{path} is not a finite number")
        if isinstance(value, int) and not -_INT64 <= value < _INT64:
            raise ValueError(f"{path} is a number beyond 64 bits")
        if isinstance(value, dict):
            stack.extend((item, f"{path}.{name}", depth + 1) for name, item in value.items())
        elif isinstance(value, list):
            stack.extend((item, f"{path}[{at}]", depth + 1) for at, item in enumerate(value))
    return metadata


DocumentId = Annotated[str, Field(min_length=1, max_length=MAX_ID_CHARACTERS, pattern=r"^[^\x00-\x1f\x7f]+$")]
Tenant = Annotated[str, Field(pattern=f"^{TENANT.pattern}$")]
Metadata = Annotated[dict[str, Any], AfterValidator(_storable)]
Version = Annotated[int, Field(ge=0, lt=_INT64)]


class _Body(BaseModel):
    # Unknown fields are ignored, so that producers may be newer than we are; types are never guessed.
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)

    id: DocumentId = Field(description="what the document is called; the record's key, or its part after the tenant")
    tenant: Tenant | None = Field(None, description="required with tenants on, refused with tenants off")
    version: Version | None = Field(None, description="required where the topic is ordered by version")
    occurred_at: AwareDatetime | None = Field(
        None, description="when it happened upstream; else the record's own time counts"
    )


class Upsert(_Body):
    """The full state of a document, whatever it was before."""

    type: Literal["upsert"] = Field("upsert", description="what kind of event it is; every record names it")
    text: str = Field(description="what is searched; may be empty, of any length within the event's limit")
    title: str = Field("", max_length=MAX_TITLE_CHARACTERS, description="put before every passage when it is embedded")
    metadata: Metadata = Field(
        default_factory=dict,
        description=f"up to {MAX_METADATA_DEPTH} levels deep, numbers finite and within 64 bits",
    )


class Delete(_Body):
    """The end of a document."""

    type: Literal["delete"] = Field("delete", description="what kind of event it is; every record names it")


Body = Annotated[Upsert | Delete, Field(discriminator="type")]
BODY: Final[TypeAdapter[Upsert | Delete]] = TypeAdapter(Body)


@dataclass(frozen=True, slots=True)
class Event:
    """A decoded record of the documents topic.

    `body` is None for a null value, which ends the document as a delete does. `time` is the event time in seconds since
    the epoch: `occurred_at` where given, else the record's timestamp. `again` is there where it came by way of
    `documents.again`.
    """

    key: str
    tenant: str | None
    id: str
    partition: int
    offset: int
    time: float
    body: Upsert | Delete | None
    again: Again | None = None

    @property
    def upsert(self) -> Upsert | None:
        return self.body if isinstance(self.body, Upsert) else None

    @property
    def version(self) -> int | None:
        return None if self.body is None else self.body.version
