"""Whether the processes find their ports free on this machine, or are those who have them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from freshet.doctor.findings import Finding, Mark
from freshet.local.listening import Listener, who_listens
from freshet.settings import SEARCH_PROBE_PORT, WORKER_PROBE_PORT, Settings

WORDS: Final = {
    Listener.NOBODY: "is free",
    Listener.FRESHET: "is answered by Freshet",
    Listener.SOMEBODY: "belongs to another program",
    Listener.ELSEWHERE: "is no address of this machine",
    Listener.FORBIDDEN: "may not be taken by this user",
}


async def check_ports(settings: Settings) -> Sequence[Finding]:
    """The search service's port and those of the probes; 0 takes any free one."""
    probes = (WORKER_PROBE_PORT, SEARCH_PROBE_PORT) if settings.probes.port is None else (settings.probes.port,)
    search = (settings.search.host, settings.search.port)
    addresses = [each for each in (search, *((settings.probes.host, port) for port in probes)) if each[1]]
    found = await asyncio.gather(*(who_listens(host, port) for host, port in addresses))
    text = ", ".join(f"{host}:{port} {WORDS[who]}" for (host, port), who in zip(addresses, found, strict=True))
    if set(found) <= {Listener.NOBODY, Listener.FRESHET}:
        return [Finding("ports", Mark.OK, text or "any free ones")]
    hint = "set FRESHET_SEARCH__HOST and __PORT, FRESHET_PROBES__HOST and __PORT where the processes run"
    return [Finding("ports", Mark.WARN, text, hint)]
