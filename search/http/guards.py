"""Whose pages may ask: those of this machine, of a configured name or origin, and the service's own.

A page in a browser can reach a service on loopback: by a name that its owner points there (DNS rebinding), or straight,
from another origin. The first shows in Host, the second in Origin. Where callers show keys the first does no harm, for
no browser adds a key by itself; then any name will do, unless some are configured.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from freshet.search.http.problems import Kind, Problem
from freshet.search.loopback import is_loopback

_AUTHORITY: Final = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]@/\s]+)(:[0-9]{1,5})?")
_ORIGIN: Final = re.compile(r"https?://(\S+)")


class Guard:
    """Refuses requests whose Host or Origin is neither loopback's nor one of `allowed_hosts`, nor one of `origins`.

    With `keys` and without `allowed_hosts` every Host is served, and its own Origin.
    """

    def __init__(
        self, allowed_hosts: frozenset[str], *, origins: frozenset[str] = frozenset(), keys: bool = False
    ) -> None:
        self._allowed = frozenset(name.lower() for name in allowed_hosts)
        self._origins = origins
        self._any_host = keys and not allowed_hosts

    def check(self, headers: Mapping[str, str]) -> None:
        """Raise Problem: 421 for a foreign Host, 403 for a foreign Origin."""
        host = headers.get("Host", "")
        if not self._any_host and not self._known(host):
            hint = "the setting FRESHET_SEARCH__ALLOWED_HOSTS names those that it does"
            raise Problem(Kind.FOREIGN_HOST, f"the Host header names a host that this service does not serve; {hint}")
        origin = headers.get("Origin")
        if origin is None or origin in self._origins:
            return
        match = _ORIGIN.fullmatch(origin.lower())
        own = match is not None and self._any_host and match[1] == host.lower()
        if match is None or not (own or self._known(match[1])):
            hint = "the setting FRESHET_SEARCH__CORS_ORIGINS names others that may ask"
            raise Problem(Kind.FOREIGN_ORIGIN, f"the Origin header names a page that is not this service's; {hint}")

    def _known(self, authority: str) -> bool:
        match = _AUTHORITY.fullmatch(authority.lower())
        return match is not None and (match[1] in self._allowed or is_loopback(match[1]))
