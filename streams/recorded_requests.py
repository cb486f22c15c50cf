"""What was asked of late, read back from `search.queries`, where it was recorded in words."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final, Protocol

from pydantic import ValidationError

from freshet.schemas.decoding import Record
from freshet.schemas.http import SearchRequest
from freshet.schemas.queries import QueryRecord
from freshet.schemas.topics import Topics
from freshet.search.index.facts import is_version_of
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.reader import KafkaReader

LOOK_BACK: Final = 2_000  # records of each partition, the newest


class Counts(Protocol):
    """What counts requests; see `freshet.search.results.popular.Popular`."""

    def asked(self, request: SearchRequest) -> None:
        """Count an asking."""
        ...


async def count_recorded(
    connection: KafkaConnection, topics: Topics, counts: Counts, *, index: str, look_back: int = LOOK_BACK
) -> int:
    """Count the last requests that versions of an index answered; how many there were, with their text.

    Facets are not recorded. Needs Read on `search.queries`. Raises TransientError where Kafka cannot be reached,
    DeniedError where it refuses us, PermanentError where the topic is missing.
    """
    found = 0
    async with KafkaReader(connection, topics.queries) as reader:
        newest = {number: span[-look_back:] for number, span in (await reader.spans()).items()}
        async for records in reader.read(newest):
            requests = await asyncio.to_thread(requests_of, records, index=index)
            for request in requests:
                counts.asked(request)
            found += len(requests)
    return found


def requests_of(records: Iterable[Record], *, index: str) -> list[SearchRequest]:
    """What was asked of an index in records that tell it; records that are not as ours are passed over."""
    return [request for record in records if (request := _request(record, index)) is not None]


def _request(record: Record, index: str) -> SearchRequest | None:
    try:
        asked = QueryRecord.model_validate_json(record.value or b"")
        if not asked.query or not is_version_of(index, asked.index_version):
            return None
        return SearchRequest(
            query=asked.query,
            tenant=asked.tenant,
            mode=asked.mode,
            rerank=asked.rerank,
            limit=asked.limit,
            offset=asked.offset,
            filters=asked.filters,
        )
    except ValidationError:
        return None
