"""The queries that two versions are compared by: the newest, each once, with what people said of their results."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from freshet.schemas.decoding import Record
from freshet.schemas.queries import FeedbackRecord, QueryRecord
from freshet.streams.judged_queries import JudgedQuery, Questions

START = datetime(2026, 11, 30, tzinfo=UTC)


def asked(number: int, text: str | None, *, shown: str = "ab", **given: Any) -> Record:
    """The search `q<number>`, in its second of the day."""
    found = [(id_, 1.0) for id_ in shown]
    fields = {"index_version": "v", "mode": "hybrid", "limit": 5, "results": found, "took_ms": 1.0} | given
    record = QueryRecord(query_id=f"q{number}", time=START + timedelta(seconds=number), query=text, **fields)
    return _record(record.model_dump_json())


def said(number: int, document: str, score: float, *, after: int = 0, tenant: str | None = None) -> Record:
    time = START + timedelta(seconds=number + after)
    record = FeedbackRecord(query_id=f"q{number}", time=time, tenant=tenant, id=document, score=score)
    return _record(record.model_dump_json())


def _record(value: str) -> Record:
    return Record("search.queries", 0, 0, timestamp=0.0, key=None, value=value.encode())


def judged(queries: list[Record], feedback: list[Record], n: int = 10) -> list[JudgedQuery]:
    questions = Questions(n)
    questions.add(queries)
    questions.since()
    questions.judge(feedback)
    return questions.judged()


def test_the_newest_queries_come_first_and_each_once() -> None:
    found = judged([asked(number, text) for number, text in enumerate(["old", "often", "new", "often"])], [], n=2)
    assert [each.text for each in found] == ["often", "new"]


def test_what_was_recorded_without_its_text_or_only_listed_documents_is_no_query() -> None:
    assert judged([asked(1, None), asked(2, ""), _record("not ours"), _record("{}")], []) == []


def test_questions_of_two_tenants_or_with_other_filters_are_different_ones() -> None:
    filters = {"must": [{"key": "metadata.lang", "match": {"value": "en"}}]}
    records = [asked(1, "cats", tenant="a"), asked(2, "cats", tenant="b"), asked(3, "cats", filters=filters)]
    found = judged(records, [])
    assert [each.tenant for each in found] == [None, "b", "a"]
    assert found[0].filters is not None


def test_queries_of_another_index_are_none_of_ours() -> None:
    mine, other = "docs__0123456789abcdef", "docs-2__0123456789abcdef"
    questions = Questions(10, index="docs")
    questions.add([asked(1, "cats", index_version=mine), asked(2, "dogs", index_version=other)])
    questions.since()
    assert [each.text for each in questions.judged()] == ["cats"]


def test_judgements_of_every_asking_of_a_query_count_by_their_mean_and_the_last_word_of_each() -> None:
    queries = [asked(1, "cats"), asked(2, "cats")]
    found = judged(queries, [said(1, "a", 0.0), said(1, "a", 1.0, after=9), said(2, "a", 0.5), said(2, "b", 0.25)])
    assert [each.judgements for each in found] == [{"a": 0.75, "b": 0.25}]


def test_what_is_said_of_a_result_that_the_query_did_not_have_counts_for_nothing() -> None:
    feedback = [said(1, "z", 1.0), said(7, "a", 1.0), said(1, "a", 1.0, tenant="other")]
    assert judged([asked(1, "cats")], feedback)[0].judgements == {}


def test_feedback_is_wanted_since_the_first_asking_of_a_query() -> None:
    questions = Questions(1)
    questions.add([asked(1, "old"), asked(2, "cats"), asked(5, "cats")])
    assert questions.since() == START + timedelta(seconds=2)
    assert Questions(1).since() is None


@given(st.permutations([asked(number, f"query {number % 7}") for number in range(30)]))
def test_partitions_may_be_read_in_any_order(records: list[Record]) -> None:
    questions = Questions(5)
    for record in records:
        questions.add([record])
    questions.since()
    assert [each.text for each in questions.judged()] == [f"query {number % 7}" for number in range(29, 24, -1)]
