"""Who asks: a key that a request shows, and what that lets its caller do."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from multidict import CIMultiDictProxy

from freshet.schemas.access import Key, Scope, key_digest
from freshet.search.http.problems import Kind, Problem
from freshet.search.limits.base import Limit

KEY_HEADER: Final = "X-API-Key"
_BEARER: Final = "bearer"
FOREIGN_TENANT: Final = "this key acts for one tenant only, and another one is named"


@dataclass(frozen=True, slots=True)
class Caller:
    """What a request may do. `name` is for counting its requests, where there is a `limit`."""

    name: str
    scopes: frozenset[Scope]
    tenant: str | None = None
    limit: Limit | None = None

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes or Scope.ADMIN in self.scopes

    def is_foreign(self, tenant: str | None) -> bool:
        """Whether a tenant that is named is one for which this caller cannot act."""
        return self.tenant is not None and tenant not in (None, self.tenant)

    def acts_for(self, named: str | None) -> str | None:
        """The tenant of a request that names this one, or none. Raises Problem 403 where it is another's."""
        if self.is_foreign(named):
            raise Problem(Kind.FOREIGN_TENANT, FOREIGN_TENANT)
        return named if self.tenant is None else self.tenant


ANYBODY: Final = Caller("", frozenset(Scope))  # who asks a service without keys
NOBODY: Final = Caller("", frozenset())  # who shows no key, or a wrong one, to one that has some
CALLER: Final = web.RequestKey("caller", Caller)


class Keyring:
    """The keys of a service; without any, everybody may do everything."""

    def __init__(self, keys: Sequence[Key], *, limit: Limit | None = None) -> None:
        """`limit` is for keys that have none of their own."""
        self._callers = [(key.digest, _caller(key, limit)) for key in keys]

    def caller(self, headers: CIMultiDictProxy[str]) -> Caller:
        """Who shows the key in these headers; NOBODY without a key, with a wrong one, or with several."""
        if not self._callers:
            return ANYBODY
        digest = key_digest(_shown(headers))
        found = NOBODY
        for known, caller in self._callers:  # to the end, so that the time tells nothing of where a key stands
            found = caller if hmac.compare_digest(known, digest) else found
        return found


def _caller(key: Key, standard: Limit | None) -> Caller:
    rate = key.rate if key.rate is not None else (standard.per_second if standard else 0)
    burst = key.burst or (standard.burst if standard else max(1, round(rate)))
    return Caller(key.hash, frozenset(key.scopes), key.tenant, Limit(rate, burst) if rate else None)


def _shown(headers: CIMultiDictProxy[str]) -> str:
    """The key in `Authorization: Bearer …` or `X-API-Key`; "" where there is none, or more than one."""
    shown = {value.strip() for value in headers.getall(KEY_HEADER, [])}
    for value in headers.getall("Authorization", []):
        scheme, _, key = value.strip().partition(" ")
        if scheme.lower() == _BEARER:  # others are between the caller and a proxy
            shown.add(key.strip())
    return shown.pop() if len(shown) == 1 else ""
