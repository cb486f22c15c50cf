"""Names of things: document keys, and the ids of the points that an index holds for a document."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

TENANT = re.compile(r"[a-z0-9_-]{1,64}")
# A namespace of our own (RFC 9562, section 5.5), so that our ids never meet another system's UUIDv5 of the same text.
NAMESPACE = uuid.UUID("6f1d6c62-2b0e-5a53-9a53-3f7c2f0d9b11")
_SEPARATOR = "\x1f"  # ids and titles may hold any printable character, so the parts are joined by one that is not


def document_key(document_id: str, tenant: str | None) -> str:
    """What identifies a document everywhere: its id, or `tenant/id` when tenants are on."""
    return document_id if tenant is None else f"{tenant}/{document_id}"


def split_key(key: str, *, tenants: bool) -> tuple[str | None, str]:
    """The (tenant, id) of a document key. Raises ValueError when tenants are on and the key names none."""
    if not tenants:
        return None, key
    tenant, slash, document_id = key.partition("/")
    if not slash or not document_id or not TENANT.fullmatch(tenant):
        raise ValueError(f"the key {key!r} is not of the form tenant/id")
    return tenant, document_id


def possible_key(key: bytes | None) -> str | None:
    """The document key that a record's key is, or None where no document can have it."""
    try:
        return key.decode() if key else None
    except UnicodeDecodeError:
        return None


def ledger_id(key: str) -> str:
    """Point id of a document's ledger record."""
    return str(uuid.uuid5(NAMESPACE, f"ledger{_SEPARATOR}{key}"))


def floor_id(partition: int) -> str:
    """Point id of what is remembered of a partition's tombstones that are forgotten."""
    return str(uuid.uuid5(NAMESPACE, f"floor{_SEPARATOR}{partition}"))


def passage_id(key: str, text: str, occurrence: int, facets: str) -> str:
    """Point id of a passage: addressed by content, so that an unchanged passage is the same point.

    `occurrence` counts equal texts within the document from 0; `facets` is `facets_digest` of its document.
    """
    return str(uuid.uuid5(NAMESPACE, _SEPARATOR.join(("passage", key, str(occurrence), facets, text))))


def facets_digest(title: str, tenant: str | None, metadata: Mapping[str, Any]) -> str:
    """Digest (128 bits, hex) of what filters can see of a document."""
    return digest(title, tenant or "", canonical_json(metadata))


def digest(*parts: str) -> str:
    """BLAKE2b of some texts (128 bits, hex); where one ends and the next begins matters."""
    hasher = blake2b(digest_size=16)
    for part in parts:
        data = part.encode()
        hasher.update(len(data).to_bytes(8, "big"))
        hasher.update(data)
    return hasher.hexdigest()


def content_digests(title: str, text: str, metadata: Mapping[str, Any]) -> tuple[str, str]:
    """Digests of a document's content and of its metadata."""
    return digest(title, text), digest(canonical_json(metadata))


def canonical_json(value: Any) -> str:
    """The same text for equal JSON values, whatever the order of their fields."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
