"""The contracts of the topics: valid by their specifications, and of one mind with the code that reads and writes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from freshet.schemas.decoding import BadEvent, Rules, decode_body
from freshet.schemas.feed import Change, Watermark
from freshet.schemas.filters import Filter
from freshet.schemas.queries import FeedbackRecord, QueryRecord
from tools.contracts import documents
from tools.contracts.topics import asyncapi, change_feed_schema, event_schema, feedback_schema, query_schema

EVENT = Draft202012Validator(event_schema(), format_checker=FormatChecker())
names = st.sampled_from(["type", "id", "text", "title", "metadata", "version", "occurred_at", "tenant", "more"])
values: st.SearchStrategy[Any] = st.sampled_from(
    ["upsert", "delete", "a", "", "2026-11-20T12:00:00Z", 5, -1, 2**63, 1.5, True, None, {}, {"a": [1]}, [], "a\x00"]
)


@pytest.mark.parametrize("schema", [event_schema(), change_feed_schema(), query_schema(), feedback_schema()])
def test_the_schemas_are_valid_json_schema(schema):
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"].endswith("2020-12/schema")


@given(event=st.dictionaries(names, values))
def test_an_event_that_the_schema_refuses_is_a_dead_letter_and_one_that_it_lets_through_is_none(event: dict[str, Any]):
    try:
        decode_body(json.dumps(event).encode(), Rules(tenants="tenant" in event and event["tenant"] is not None))
        decoded = True
    except BadEvent:
        decoded = False
    assert EVENT.is_valid(event) == decoded


@pytest.mark.parametrize(
    "record",
    [
        Change(index_version="documents__a", outcome="indexed", origin="documents/0@1", key="kb-17"),
        Watermark(index_version="documents__a", topic="documents", partition=0, offset=7),
    ],
)
def test_what_the_worker_announces_is_what_the_schema_says(record):
    Draft202012Validator(change_feed_schema()).validate(json.loads(record.model_dump_json()))


@pytest.mark.parametrize("filters", [None, {"must": [{"key": "metadata.lang", "match": {"any": ["en", "de"]}}]}])
def test_what_search_records_is_what_the_schemas_say(filters):
    now = datetime(2026, 11, 30, tzinfo=UTC)
    asked = QueryRecord(
        query_id="q1",
        time=now,
        index_version="documents__a",
        mode="hybrid",
        limit=5,
        filters=None if filters is None else Filter.model_validate_json(json.dumps(filters)),
        results=[("kb-17", 0.5)],
        took_ms=7.5,
    )
    told = json.loads(asked.model_dump_json())
    Draft202012Validator(query_schema(), format_checker=FormatChecker()).validate(told)
    assert told["filters"] == filters
    said = FeedbackRecord(query_id="q1", time=now, id="kb-17", score=1)
    Draft202012Validator(feedback_schema()).validate(json.loads(said.model_dump_json()))


def test_asyncapi_names_the_topics_that_hold_something_and_every_reference_in_it_leads_somewhere():
    document = asyncapi()
    assert [each["address"] for each in document["channels"].values()] == [
        "documents",
        "documents.again",
        "documents.dead-letters",
        "documents.indexed",
        "search.queries",
        "search.feedback",
    ]
    for reference in references(document):
        found: Any = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
        assert found


def test_asyncapi_has_what_the_specification_demands():
    document = asyncapi()
    assert document["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= document["info"].keys()
    for operation in document["operations"].values():
        assert operation["action"] in ("send", "receive")
        assert operation["channel"]["$ref"].startswith("#/channels/")
    for channel in document["channels"].values():
        assert all(each["$ref"].startswith("#/components/messages/") for each in channel["messages"].values())


def test_every_contract_is_made_of_json():
    for document in documents().values():
        assert json.loads(json.dumps(document)) == document


def references(of: Any) -> list[str]:
    if isinstance(of, dict):
        own = [of["$ref"]] if isinstance(of.get("$ref"), str) else []
        return own + [each for value in of.values() for each in references(value)]
    return [each for value in of for each in references(value)] if isinstance(of, list) else []
