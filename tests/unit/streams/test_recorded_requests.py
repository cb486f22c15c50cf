"""Requests that are read back from `search.queries`: as they were asked, of this index, where told in words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from freshet.schemas.decoding import Record
from freshet.schemas.http import SearchRequest
from freshet.schemas.queries import QueryRecord
from freshet.streams.recorded_requests import requests_of

MINE = "docs__0123456789abcdef"
FILTERS = {"must": [{"key": "metadata.price", "range": {"lt": 20}}]}


def recorded(query: str | None, **given: Any) -> Record:
    fields = {"index_version": MINE, "mode": "hybrid", "limit": 5, "results": [], "took_ms": 1.0} | given
    record = QueryRecord(query_id="q", time=datetime(2026, 11, 30, tzinfo=UTC), query=query, **fields)
    return of(record.model_dump_json())


def of(value: str) -> Record:
    return Record("search.queries", 0, 0, timestamp=0.0, key=None, value=value.encode())


def test_a_request_comes_back_as_it_was_asked() -> None:
    asked = SearchRequest.model_validate(
        {"query": "cats", "limit": 7, "offset": 3, "mode": "dense", "rerank": False, "tenant": "a", "filters": FILTERS}
    )
    record = recorded("cats", limit=7, offset=3, mode="dense", rerank=False, tenant="a", filters=FILTERS)
    [found] = requests_of([record], index="docs")
    assert found == asked
    assert found.model_dump_json(exclude_unset=True) == asked.model_dump_json(exclude_unset=True)


def test_what_is_not_told_in_words_or_of_another_index_or_no_request_of_ours_is_passed_over() -> None:
    records = [
        recorded(None),
        recorded(""),
        recorded("dogs", index_version="docs-2__0123456789abcdef"),
        recorded("dogs", limit=100_000),
        recorded("dogs", tenant="NO TENANT"),
        of("{}"),
        of("not ours"),
        recorded("cats"),
    ]
    assert requests_of(records, index="docs") == [SearchRequest(query="cats")]
