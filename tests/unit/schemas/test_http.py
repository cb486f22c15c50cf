from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from freshet.schemas.events import Upsert
from freshet.schemas.http import DocumentBody, FieldError, ProblemBody, SearchRequest, SearchResult


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
