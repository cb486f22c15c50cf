"""Keys of callers, each with what the service is told of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from freshet.schemas.access import Key, Scope, key_hash


@dataclass(frozen=True)
class Caller:
    """Somebody with a key."""

    key: str
    entry: Key

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


def caller(name: str, *scopes: Scope, tenant: str | None = None, **limit: Any) -> Caller:
    key = f"fk_{name}"
    return Caller(key, Key(name=name, hash=key_hash(key), scopes=scopes, tenant=tenant, **limit))


def keys(*callers: Caller) -> tuple[Key, ...]:
    return tuple(each.entry for each in callers)


SEARCHER = caller("searcher", Scope.SEARCH)
PUBLISHER = caller("publisher", Scope.PUBLISH)
ADMIN = caller("admin", Scope.ADMIN)
WITHOUT_TENANT = (SEARCHER, PUBLISHER, ADMIN)
ACME = caller("acme", Scope.ADMIN, tenant="acme")
GLOBEX = caller("globex", Scope.SEARCH, Scope.PUBLISH, tenant="globex")
