"""How much disk collections take, as far as the server tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import httpx
from qdrant_client import AsyncQdrantClient

_SEGMENTS: Final = "10"  # the level of detail at which segments are told
_SECONDS: Final = 5.0  # a server that must look at very many segments is not waited for


async def disk_sizes(client: AsyncQdrantClient) -> dict[str, int]:
    """Bytes by collection, of the shards of the server that answers; those of which it does not tell are left out.

    Servers that leave the figure of their segments at 0 tell what vectors and payloads take, which is less: indexes and
    logs come on top. It is not worth an error: who cannot tell tells nothing.
    """
    base = client.http.client.host
    transport: httpx.AsyncClient = client.http.client._async_client  # noqa: SLF001 (its models demand more than we need)
    try:
        answer = await transport.get(
            f"{base.rstrip('/')}/telemetry", params={"details_level": _SEGMENTS}, timeout=_SECONDS
        )
        answer.raise_for_status()
        collections = answer.json()["result"]["collections"]["collections"]
        sizes = {str(each["id"]): _size(each) for each in collections}
    except (httpx.HTTPError, ValueError, LookupError, TypeError, AttributeError):
        return {}
    return {name: size for name, size in sizes.items() if size}


def _size(collection: Mapping[str, Any]) -> int:
    shards = [shard.get("local") or {} for shard in collection.get("shards") or ()]
    segments = [segment["info"] for shard in shards for segment in shard.get("segments") or ()]
    told = sum(each.get("disk_usage_bytes") or 0 for each in segments)
    parts = ("vectors_size_bytes", "payloads_size_bytes")
    return int(told or sum(each.get(part) or 0 for each in segments for part in parts))
