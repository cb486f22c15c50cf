"""Who may ask the search service for what: keys as settings hold them, by their hashes.

A key has 256 random bits, so nobody finds it by trying, whatever the hash costs; slow hashes are for passwords, which
people choose. SHA-256 is enough, and is computed anew for every request.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from freshet.schemas.events import Tenant
from freshet.schemas.words import Word

KEY_PREFIX: Final = "fk_"
KEY_BYTES: Final = 32
SLOWEST: Final = 0.001  # requests a second: slower buckets would take longer to fill than can be counted exactly
_HASH: Final = re.compile(r"sha256:[0-9a-f]{64}")
_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"


def _countable(rate: float) -> float:
    if 0 < rate < SLOWEST:
        raise ValueError(f"is below {SLOWEST}, the slowest that is counted; 0 means no limit")
    return rate


Rate = Annotated[float, Field(ge=0, le=1e6), AfterValidator(_countable)]
Burst = Annotated[int, Field(ge=1, le=1_000_000)]


class Scope(Word):
    """What a key is good for."""

    SEARCH = "search", "search, say what results were worth, and ask what the index holds"
    PUBLISH = "publish", "publish documents and their ends"
    ADMIN = "admin", "everything, and what is wrong with which part"


class Key(BaseModel):
    """One key of the search service; `freshet keys new` makes it and prints this entry."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=_NAME, description="what people call it; each key has another")
    hash: str = Field(description="`sha256:` and the key's SHA-256 in hexadecimal")
    scopes: tuple[Scope, ...] = Field(min_length=1, description="what it may be used for")
    tenant: Tenant | None = Field(None, description="the only tenant that it acts for; without one, any")
    rate: Rate | None = Field(None, description="requests a second, 0 for no limit; else the setting's")
    burst: Burst | None = Field(None, description="requests at once; else the setting's")

    @field_validator("hash")
    @classmethod
    def _is_hash(cls, value: str) -> str:
        if value.startswith(KEY_PREFIX):
            raise ValueError("this is a key itself; write its hash here, which `freshet keys new` prints beside it")
        if not _HASH.fullmatch(value):
            raise ValueError("is not `sha256:` and 64 hexadecimal digits in small letters")
        return value

    @property
    def digest(self) -> bytes:
        return bytes.fromhex(self.hash.partition(":")[2])


def key_digest(key: str) -> bytes:
    """What is kept of a key; of any text, also of one that no key can be."""
    return sha256(key.encode(errors="surrogateescape")).digest()


def key_hash(key: str) -> str:
    """The digest as settings hold it."""
    return f"sha256:{key_digest(key).hex()}"
