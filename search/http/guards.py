"""Who may ask: without keys, only what runs on this machine or goes by a configured name.

A page in a browser can reach a service on loopback: by a name that its owner points there (DNS rebinding), or straight,
from another origin. The first shows in Host, the second in Origin.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Final

from freshet.search.http.problems import Kind, Problem

_AUTHORITY: Final = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]@/\s]+)(:[0-9]{1,5})?")
_ORIGIN: Final = re.compile(r"https?://(\S+)")


class Guard:
    """Refuses requests whose Host or Origin is neither loopback's nor one of `allowed_hosts`."""

    def __init__(self, allowed_hosts: frozenset[str]) -> None:
        self._allowed = frozenset(name.lower() for name in allowed_hosts)

    def check(self, headers: Mapping[str, str]) -> None:
        """Raise Problem: 421 for a foreign Host, 403 for a foreign Origin."""
        if not self._known(headers.get("Host", "")):
            hint = "the setting FRESHET_SEARCH__ALLOWED_HOSTS names those that it does"
            raise Problem(Kind.FOREIGN_HOST, f"the Host header names a host that this service does not serve; {hint}")
        origin = headers.get("Origin")
        if origin is None:
            return
        match = _ORIGIN.fullmatch(origin.lower())
        if match is None or not self._known(match[1]):
            raise Problem(Kind.FOREIGN_ORIGIN, "the Origin header names a page that is not one of this service's")

    def _known(self, authority: str) -> bool:
        match = _AUTHORITY.fullmatch(authority.lower())
        return match is not None and (match[1] in self._allowed or _is_loopback(match[1]))


def _is_loopback(name: str) -> bool:
    if name.removesuffix(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False
