"""What is told of each search that was answered, for those who watch over quality."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from freshet.schemas.http import SearchAnswer
from freshet.schemas.queries import QueryRecord
from freshet.search.asking import Asked
from freshet.search.ports import QueryLog


@dataclass(frozen=True, slots=True)
class Recording:
    """Tells a log of answers; what was asked in words only `with_text`, for people ask about themselves, too."""

    log: QueryLog
    with_text: bool = False
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def answered(self, asked: Asked, answer: SearchAnswer) -> None:
        """Tell of one. Never waits and never raises."""
        request = asked.request
        record = QueryRecord(
            query_id=answer.query_id,
            time=self.now(),
            tenant=request.tenant,
            index_version=answer.index.version,
            query=asked.query.text if self.with_text else None,
            mode=request.mode,
            rerank=request.rerank,
            limit=request.limit,
            offset=request.offset,
            filters=request.filters,
            results=[(result.id, result.score) for result in answer.results],
            took_ms=answer.took_ms,
            degraded=answer.degraded,
            cached=answer.cached,
        )
        self.log.put(record)
