"""From the bytes of a record to an event, or to the reason why it can never be one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from freshet.schemas.again import Again
from freshet.schemas.errors import FreshetError
from freshet.schemas.events import BODY, MAX_ID_CHARACTERS, Delete, Event, Upsert
from freshet.schemas.keys import document_key, split_key
from freshet.schemas.positions import Order
from freshet.schemas.words import Word

_REGISTRY_MAGIC: Final = 0  # first byte of a value in a schema registry's wire format; no JSON text begins with it


class Reason(Word):
    """Why an event is a dead letter; the values are labels of `freshet_dead_letters_total` and of a header."""

    NOT_UTF8 = "not_utf8", "key or value is not UTF-8"
    NOT_JSON = "not_json", "the value is not JSON"
    REGISTRY_FORMAT = "registry_format", "the value is in a schema registry's wire format; publish plain JSON"
    TOO_LARGE = "too_large", "the event, or its key, is larger than allowed"
    UNKNOWN_TYPE = "unknown_type", "`type` is neither `upsert` nor `delete`"
    MISSING_FIELD = "missing_field", "a required field is missing"
    WRONG_TYPE = "wrong_type", "a field is of another JSON type"
    INVALID_VALUE = "invalid_value", "a field's value is not allowed"
    KEY_MISMATCH = "key_mismatch", "the record has no key, or another one than its event says"
    NO_VERSION = "no_version", "the topic is ordered by version and the event has none"
    PARTITION_MOVED = "partition_moved", "the document is recorded under another partition"
    FORGOTTEN = "forgotten", "it came again so late that the end of its document may be forgotten; publish it anew"
    REFUSED = "refused", "the model or the index refused this document, alone"


# Of these the event may be right, and another limit or model take it. The others are refused as often as they come.
RETRIABLE: Final = frozenset({Reason.TOO_LARGE, Reason.REFUSED})


class BadEvent(FreshetError):  # noqa: N818 (what it is, as the topic and the docs call it)
    """An event that can never be indexed: the reason, the field where there is one, and a sentence for people."""

    def __init__(self, reason: Reason, message: str, *, field: str = "") -> None:
        super().__init__(reason, message, field)
        self.reason = reason
        self.message = message
        self.field = field

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings of a topic that decide what a valid event is."""

    tenants: bool = False
    order: Order = Order.LOG
    max_bytes: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Record:
    """What came out of Kafka, untouched. `timestamp` is in seconds since the epoch.

    One that came by way of `documents.again` stands here at its origin, and `again` says why it came again.
    """

    topic: str
    partition: int
    offset: int
    timestamp: float
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    again: Again | None = None


def decode(record: Record, rules: Rules) -> Event:
    """The event that a record holds. Raises BadEvent with the reason and the field at fault."""
    key = _key(record.key, rules)
    tenant, document_id = _split(key, rules)
    body = None if record.value is None else decode_body(record.value, rules)
    if body is not None and document_key(body.id, body.tenant) != key:
        raise BadEvent(Reason.KEY_MISMATCH, f"the record's key is {key!r}, its event says {body.id!r}", field="id")
    happened = body.occurred_at.timestamp() if body is not None and body.occurred_at else record.timestamp
    return Event(key, tenant, document_id, record.partition, record.offset, happened, body, record.again)


def decode_body(value: bytes, rules: Rules, *, tenant: str | None = None) -> Upsert | Delete:
    """The event in a record's value, apart from its key; of `tenant` where it names none. Raises BadEvent."""
    if len(value) > rules.max_bytes:
        raise BadEvent(Reason.TOO_LARGE, f"the event has {len(value)} bytes, the limit is {rules.max_bytes}")
    if value[:1] == bytes([_REGISTRY_MAGIC]):
        raise BadEvent(Reason.REGISTRY_FORMAT, "the value is in a schema registry's wire format; publish plain JSON")
    try:
        body = BODY.validate_json(value)
    except ValidationError as error:
        raise _explain(value, error.errors(include_url=False)[0]) from error
    if tenant is not None and body.tenant is None:
        body = body.model_copy(update={"tenant": tenant})
    if rules.tenants and body.tenant is None:
        raise BadEvent(Reason.MISSING_FIELD, "tenants are on, so every event names its tenant", field="tenant")
    if not rules.tenants and body.tenant is not None:
        raise BadEvent(Reason.INVALID_VALUE, "tenants are off, so an event names none", field="tenant")
    if rules.order is Order.VERSION and body.version is None:
        raise BadEvent(Reason.NO_VERSION, "the topic is ordered by version and the event has none", field="version")
    return body


def _key(key: bytes | None, rules: Rules) -> str:
    if not key:
        raise BadEvent(Reason.KEY_MISMATCH, "the record has no key; it must be the document's", field="key")
    try:
        text = key.decode()
    except UnicodeDecodeError as error:
        raise BadEvent(Reason.NOT_UTF8, "the record's key is not UTF-8", field="key") from error
    if len(text) > MAX_ID_CHARACTERS + (65 if rules.tenants else 0):
        raise BadEvent(Reason.TOO_LARGE, f"the key has more than {MAX_ID_CHARACTERS} characters", field="key")
    return text


def _split(key: str, rules: Rules) -> tuple[str | None, str]:
    try:
        return split_key(key, tenants=rules.tenants)
    except ValueError as error:
        raise BadEvent(Reason.KEY_MISMATCH, str(error), field="key") from error


def _explain(value: bytes, error: ErrorDetails) -> BadEvent:
    """Pydantic's first complaint, in the words of the contract."""
    kind = error["type"]
    # The discriminator's value stands first in the path of a union; people know fields, not unions.
    field = ".".join(str(part) for part in error["loc"] if part not in ("upsert", "delete"))
    if kind == "json_invalid":
        return _not_text(value, error["msg"])
    if kind == "union_tag_invalid":
        return BadEvent(Reason.UNKNOWN_TYPE, "the type must be upsert or delete", field="type")
    if kind == "union_tag_not_found":
        return BadEvent(Reason.MISSING_FIELD, "the field is required", field="type")
    if kind == "missing":
        return BadEvent(Reason.MISSING_FIELD, "the field is required", field=field)
    wrong = kind.endswith(("_type", "_parsing"))
    message = error["msg"].removeprefix("Value error, ")
    return BadEvent(Reason.WRONG_TYPE if wrong else Reason.INVALID_VALUE, message, field=field)


def _not_text(value: bytes, message: str) -> BadEvent:
    try:
        value.decode()
    except UnicodeDecodeError as error:
        return BadEvent(Reason.NOT_UTF8, f"the value is not UTF-8 (byte {error.start})")
    return BadEvent(Reason.NOT_JSON, message)
