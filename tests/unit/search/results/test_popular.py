"""What is counted as popular: what is asked most of late, whatever else is asked in between."""

from __future__ import annotations

import math
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from freshet.schemas.filters import Filter
from freshet.schemas.http import SearchRequest
from freshet.search.results.popular import Popular


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def ask(popular: Popular, *queries: str) -> None:
    for query in queries:
        popular.asked(SearchRequest(query=query))


def queries(popular: Popular, n: int = 10) -> list[str]:
    return [each.query for each in popular.top(n)]


@given(st.lists(st.sampled_from("abcdefgh"), max_size=60), st.integers(1, 10))
def test_with_room_for_all_the_most_frequent_are_told(asked: list[str], n: int):
    popular, counts = Popular(half_life=math.inf), Counter(asked)
    ask(popular, *asked)
    found = queries(popular, n)
    assert len(found) == min(n, len(counts))
    assert [counts[each] for each in found] == [count for _, count in counts.most_common(n)]


def test_what_is_asked_again_and_again_is_not_lost_among_ten_thousand_that_are_asked_once():
    popular = Popular(room=100)
    for number in range(10_000):
        ask(popular, f"once {number}")
        if number % 10 == 0:
            ask(popular, f"often {number // 10 % 3}")
    assert sorted(queries(popular, 3)) == ["often 0", "often 1", "often 2"]


def test_a_newer_asking_counts_more_than_an_older_one_however_long_ago():
    clock = Clock()
    popular = Popular(half_life=60, clock=clock)
    ask(popular, "old", "old", "old")
    clock.now = 121
    ask(popular, "new")
    assert queries(popular) == ["new", "old"]
    clock.now = 1e9
    ask(popular, "newest")
    clock.now = 1e9 + 120
    ask(popular, "last", "last")
    assert queries(popular, 2) == ["last", "newest"]


def test_requests_that_get_different_answers_are_different_ones():
    popular = Popular()
    some = Filter.model_validate({"must": [{"key": "metadata.lang", "match": {"value": "en"}}]})
    requests = [
        SearchRequest(query="a"),
        SearchRequest(query="a", limit=6),
        SearchRequest(query="a", tenant="t"),
        SearchRequest(query="a", filters=some),
    ]
    for number, request in enumerate(requests, start=1):
        for _ in range(number):
            popular.asked(request)
    assert popular.top(10) == requests[::-1]


def test_what_a_request_says_of_its_own_moment_is_forgotten():
    popular = Popular()
    popular.asked(SearchRequest(query="a", fresh_after=("documents/0@7",), wait_ms=5))
    popular.asked(SearchRequest(query="a", fresh_after=("documents/0@8",)))
    assert popular.top(10) == [SearchRequest(query="a")]


def test_very_long_requests_take_no_memory():
    popular = Popular()
    ask(popular, "word " * 1_000)
    assert queries(popular) == []
