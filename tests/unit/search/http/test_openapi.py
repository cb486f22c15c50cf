"""The OpenAPI document: valid by the specification's own schema, and true to the service that serves it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import web
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import BaseModel

from freshet.schemas.access import Scope
from freshet.schemas.http import ProblemBody
from freshet.search.http.openapi import openapi
from freshet.search.http.operations import Operation
from freshet.search.http.problems import Kind
from tests.unit.search.http.world import World
from tools.reference.operations import service_operations


@pytest.fixture
async def document(world: World) -> dict[str, Any]:
    answer = await world.ask("GET", "/openapi.json")
    assert answer.status == 200
    return dict(answer.json)


async def test_it_is_valid(document):
    OpenAPIV31SpecValidator(document).validate()


async def test_its_schemas_are_valid_and_lead_nowhere_else(document):
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    for reference in references(document):
        assert reference.startswith("#/components/")
        _, _, kind, name = reference.split("/")
        assert name in document["components"][kind]


async def test_it_has_every_route_that_answers_with_a_model(document):
    found = {f"{method.upper()} {path}" for path, each in document["paths"].items() for method in each}
    assert found == {each.name for each in service_operations() if each.answer}


async def test_every_error_of_every_route_is_a_problem_of_a_stable_type(document):
    for path in document["paths"].values():
        for operation in path.values():
            statuses = {int(status) for status in operation["responses"]}
            assert {400, 403, 421, 500, 503, 504} <= statuses
            for status in statuses:
                response = operation["responses"][str(status)]
                if status >= 400 and "$ref" in response:
                    shown = document["components"]["responses"][response["$ref"].rpartition("/")[2]]
                    schema = shown["content"]["application/problem+json"]["schema"]
                    assert schema["$ref"] == "#/components/schemas/ProblemBody"
                    assert schema["properties"]["status"] == {"const": status}
                    assert set(schema["properties"]["type"]["enum"]) <= {k.type for k in Kind if k.status == status}


@pytest.mark.parametrize(
    "operation", [each for each in service_operations() if each.answer], ids=lambda each: each.name
)
async def test_every_example_is_answered_as_it_promises(world, operation):
    path, given = operation.path.replace("{id}", "a%2Fb"), {}
    if operation.body:
        given = {"json": operation.example}
    elif operation.lines:
        given = {"data": json.dumps(operation.example), "headers": {"Content-Type": "application/x-ndjson"}}
    elif operation.example:
        path += "?" + urlencode(operation.example)
    answer = await world.ask(operation.method, path, **given)
    assert answer.status == operation.status
    operation.answer.model_validate(answer.json)


async def test_what_tells_events_apart_must_be_given_and_what_has_a_default_need_not(document):
    schemas = document["components"]["schemas"]
    assert schemas["Upsert"]["required"] == ["id", "text", "type"]
    assert schemas["Delete"]["required"] == ["id", "type"]
    assert "required" not in schemas["SearchRequest"]


async def test_requests_are_closed_and_answers_are_open(document):
    schemas = document["components"]["schemas"]
    assert schemas["SearchRequest"]["additionalProperties"] is False
    assert "additionalProperties" not in schemas["SearchAnswer"]


async def test_parameters_have_the_names_that_requests_use(document):
    names = [each["name"] for each in document["paths"]["/search"]["get"]["parameters"]]
    assert "q" in names
    assert "query" not in names
    [path, *_] = document["paths"]["/documents/{id}"]["delete"]["parameters"]
    assert (path["name"], path["in"], path["required"]) == ("id", "path", True)
    assert "slashes" in path["description"]


async def test_caches_may_keep_it_and_ask_whether_it_is_still_the_same(world):
    first = await world.ask("GET", "/openapi.json")
    assert first.headers["Cache-Control"] == "no-cache"
    again = await world.ask("GET", "/openapi.json", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")


def test_models_that_stand_in_parameters_are_told_too():
    class Inner(BaseModel):
        a: int

    class Outer(BaseModel):
        inner: Inner | None = None

    async def get(_: web.Request) -> web.Response:
        """Something."""
        raise NotImplementedError

    operation = Operation(method="GET", path="/a", handler=get, scope=None, parameters=Outer, answer=ProblemBody)
    document = openapi([operation])
    [parameter] = document["paths"]["/a"]["get"]["parameters"]
    assert parameter["schema"] == {"$ref": "#/components/schemas/Inner"}
    assert document["components"]["schemas"]["Inner"]["required"] == ["a"]


def references(of: Any) -> list[str]:
    if isinstance(of, dict):
        own = [of["$ref"]] if isinstance(of.get("$ref"), str) else []
        return own + [each for value in of.values() for each in references(value)]
    return [each for value in of for each in references(value)] if isinstance(of, list) else []


def test_operations_have_a_docstring_and_a_name_of_their_own():
    found = service_operations()
    assert all(each.about for each in found)
    assert len({each.name for each in found}) == len(found)


def test_operations_that_take_a_scope_name_the_ways_to_show_a_key_and_what_is_answered_without():
    document = openapi(service_operations())
    schemes = set(document["components"]["securitySchemes"])
    for each in service_operations():
        if each.answer is None:
            continue
        told = document["paths"][each.path][each.method.lower()]
        if each.scope is None:
            assert "security" not in told
            assert "401" not in told["responses"]
        else:
            assert {name for way in told["security"] for name in way} == schemes
            assert {} in told["security"]  # without keys nobody needs one
            assert f"`{each.scope}`" in told["description"]
            assert {"401", "403", "429"} <= set(told["responses"])


def test_every_route_that_reads_or_writes_documents_says_which_right_it_needs():
    scopes = {each.name: each.scope for each in service_operations()}
    searching = {name for name, scope in scopes.items() if scope is Scope.SEARCH}
    publishing = {name for name, scope in scopes.items() if scope is Scope.PUBLISH}
    assert searching == {"GET /search", "POST /search", "GET /index", "GET /documents/{id}", "POST /feedback"}
    assert publishing == {"PUT /documents/{id}", "DELETE /documents/{id}", "POST /documents"}
