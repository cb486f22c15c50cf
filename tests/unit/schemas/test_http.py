from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from freshet.schemas.events import Upsert
from freshet.schemas.http import (
    DocumentBody,
    FacetCount,
    FieldError,
    IndexState,
    ProblemBody,
    SearchAnswer,
    SearchRequest,
    SearchResult,
)


def test_a_search_needs_nothing_but_a_query():
    request = SearchRequest.model_validate_json('{"query": "cat"}')
    assert (request.limit, request.offset, request.tenant, request.mode, request.explain) == (
        5,
        0,
        None,
        "hybrid",
        False,
    )


@pytest.mark.parametrize("model", [SearchRequest, DocumentBody])
def test_requests_refuse_fields_that_they_do_not_know(model):
    with pytest.raises(ValidationError, match="more"):
        model.model_validate({"query": "cat", "text": "t", "more": 1})


def test_parameters_of_an_address_are_read_as_the_types_that_they_spell():
    request = SearchRequest.model_validate_strings({"query": "5", "limit": "5", "explain": "true"})
    assert (request.query, request.limit, request.explain) == ("5", 5, True)


def test_a_document_body_has_every_field_of_an_upsert_but_those_that_the_request_line_says():
    assert set(DocumentBody.model_fields) == set(Upsert.model_fields) - {"id", "type"}


def test_what_was_not_asked_for_is_left_out_of_an_answer_and_nulls_of_metadata_are_not():
    result = SearchResult(id="a", score=0.5, title="", text="t", metadata={"none": None})
    assert json.loads(result.model_dump_json()) == {
        "id": "a",
        "score": 0.5,
        "title": "",
        "text": "t",
        "highlights": [],
        "metadata": {"none": None},
    }


def test_a_problem_without_fields_at_fault_lists_none():
    problem = ProblemBody(type="/problems/x", title="X", status=400, detail="d", request_id="1")
    assert "errors" not in problem.model_dump()
    named = problem.model_copy(update={"errors": [FieldError(field="a", message="m")]})
    assert json.loads(named.model_dump_json())["errors"] == [{"field": "a", "message": "m"}]


FILTER = {"must": [{"key": "metadata.price", "range": {"lt": 20}}]}


def test_a_filter_in_an_address_is_the_text_of_its_json():
    body = SearchRequest.model_validate_json(json.dumps({"query": "cat", "filters": FILTER}))
    assert SearchRequest.model_validate_strings({"query": "cat", "filters": json.dumps(FILTER)}) == body
    for nothing in ("null", "{}"):
        asked = SearchRequest.model_validate_strings({"query": "cat", "filters": nothing})
        assert asked.filters is None or asked.filters.is_nothing


@pytest.mark.parametrize("text", ["", "{", "[" * 10_000, "5", '"{}"', '{"must": 5}', '{"musst": []}'])
def test_a_filter_in_an_address_that_is_none_is_refused(text: str):
    with pytest.raises(ValidationError, match="filters"):
        SearchRequest.model_validate_strings({"query": "cat", "filters": text})


def test_a_filter_in_a_body_is_no_text():
    with pytest.raises(ValidationError, match="filters"):
        SearchRequest.model_validate_json(json.dumps({"query": "cat", "filters": json.dumps(FILTER)}))


def test_facets_in_an_address_have_commas_between_them():
    keys = ["metadata.lang", "metadata.open"]
    body = SearchRequest.model_validate_json(json.dumps({"query": "cat", "facets": keys, "facet_limit": 3}))
    strings = {"query": "cat", "facets": ",".join(keys), "facet_limit": "3"}
    assert SearchRequest.model_validate_strings(strings) == body
    assert body.facets == tuple(keys)


@pytest.mark.parametrize("facets", ["metadata.lang", [""], ["a", "a"], ["x" * 201], [f"f{n}" for n in range(11)], [5]])
def test_facets_are_a_few_different_names(facets: object):
    with pytest.raises(ValidationError, match="facets"):
        SearchRequest.model_validate_json(json.dumps({"query": "cat", "facets": facets}))


def test_an_answer_has_facets_where_they_were_asked_for_and_keeps_their_types():
    answer = SearchAnswer(
        query_id="q",
        results=[],
        reranked=False,
        took_ms=1.0,
        stages={},
        degraded=[],
        index=IndexState(version="documents__1"),
    )
    assert "facets" not in json.loads(answer.model_dump_json())
    counted = answer.model_copy(
        update={
            "facets": {"metadata.open": [FacetCount(value=True, count=2)], "metadata.n": [FacetCount(value=1, count=1)]}
        }
    )
    facets = json.loads(counted.model_dump_json())["facets"]
    assert facets["metadata.open"][0]["value"] is True
    assert facets["metadata.n"] == [{"value": 1, "count": 1}]
