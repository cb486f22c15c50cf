"""Under which name an answer is kept: a digest of all that shapes it, but for what the documents say."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import Final

from freshet.search.asking import Asked
from freshet.search.live import LiveVersion

_DIGEST_BYTES: Final = 24
_OF_THE_REQUEST: Final = {"query", "filters", "fresh_after", "wait_ms"}


def result_key(asked: Asked, live: LiveVersion, statistics: int | None, *, feed: str, shape: str) -> str:
    """The key of the answer of one index version, by one snapshot of term statistics, beside one change feed.

    `shape` digests how this process makes answers. A field of the request that is not known here to be without
    influence is taken to have some.
    """
    request = asked.request
    filters = request.filters
    parts = (
        [live.name, live.incarnation, statistics, feed, shape],
        asked.query.text,
        [*asked.query.steps] if request.explain else [],
        None if filters is None else filters.model_dump(mode="json", by_alias=True, exclude_unset=True),
        request.model_dump_json(exclude=_OF_THE_REQUEST),
    )
    text = json.dumps(parts, sort_keys=True)
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).hexdigest()
