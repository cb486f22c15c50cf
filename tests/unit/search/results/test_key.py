"""Answers of another index are never found: all that they are of is in their key."""

from __future__ import annotations

from typing import Any

import pytest

from freshet.schemas.http import SearchRequest
from freshet.search.asking import SearchRules
from freshet.search.index.base import VersionInfo
from freshet.search.live import LiveVersion
from freshet.search.results.key import result_key
from tests.unit.search.http.world import DIMENSION, MemoryReader, WordEmbedder


def key_of(**other: Any) -> str:
    given: dict[str, Any] = {"name": "documents__abc", "incarnation": "1", "statistics": 7, "feed": "f", "shape": "s"}
    given |= other
    facts = {"languages": ["en"], "average_length": 100, "incarnation": given["incarnation"]}
    live = LiveVersion.of(VersionInfo(given["name"], DIMENSION, facts), MemoryReader(), WordEmbedder())
    asked = SearchRules().check(SearchRequest(query="cats"))
    return result_key(asked, live, given["statistics"], feed=given["feed"], shape=given["shape"])


@pytest.mark.parametrize(
    "other",
    [
        {"name": "documents__def"},
        {"incarnation": "2"},
        {"statistics": None},
        {"feed": "another cluster, or a topic that was made anew"},
        {"shape": "another reranker"},
    ],
    ids=str,
)
def test_an_answer_of_another_index_or_cluster_lies_under_another_key(other: dict[str, Any]):
    assert key_of() == key_of()
    assert key_of(**other) != key_of()
