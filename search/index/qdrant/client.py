"""The connection to a Qdrant server."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from qdrant_client import AsyncQdrantClient

from freshet.schemas.errors import SettingsError
from freshet.search.loopback import is_loopback
from freshet.search.tls import trust

DEFAULT_TIMEOUT: Final = 10.0
# The client's own default opens a connection for every request to this machine. Servers close idle connections after
# some seconds (Actix: 5), and a request that meets the closing fails, so ours are given up before.
_LIMITS: Final = httpx.Limits(max_connections=32, max_keepalive_connections=32, keepalive_expiry=2.0)


def connect(
    url: str, *, api_key: str | None = None, timeout: float = DEFAULT_TIMEOUT, ca_file: Path | None = None
) -> AsyncQdrantClient:
    """A client for the server at `url`; nothing is sent yet. Whoever calls it closes it.

    `timeout` in seconds is for each request, and is rounded up to whole ones. `ca_file` holds the certificates (PEM)
    that the server's is checked against, where the system's do not know it. Raises SettingsError.
    """
    host = _host(url)
    options: dict[str, Any] = {"limits": _LIMITS}
    if ca_file is not None:
        options["verify"] = trust(ca_file, "FRESHET_QDRANT__CA_FILE")
    if is_loopback(host):
        options["trust_env"] = False  # a proxy of the environment must never see the key of a local part
    return AsyncQdrantClient(
        url=url,
        # The client's `api_key` argument warns on plain http, which is how local parts are reached.
        headers={"api-key": api_key} if api_key else None,
        timeout=math.ceil(timeout),
        check_compatibility=False,  # it would ask the server from a thread of its own, whether it is there or not
        **options,
    )


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        # Not the address itself: a password in it may be what is wrong with it.
        raise SettingsError("FRESHET_QDRANT__URL must look like http://host:6333 or https://host:6333")
    return parts.hostname or ""
