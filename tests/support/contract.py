"""Does a service keep its OpenAPI? Requests that it allows, and ones that it does not, made by schemathesis."""

from __future__ import annotations

import json
from typing import Any, Final

import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS: Final[list[Any]] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


@schemathesis.serializer("application/x-ndjson")
def lines(_: Any, value: Any) -> bytes:
    """A body of lines is a text; whatever else was made goes as JSON, in one line."""
    return value.encode(errors="surrogatepass") if isinstance(value, str) else json.dumps(value).encode()


def exercise(document: dict[str, Any], method: str, path: str, *, url: str, examples: int) -> None:
    """Ask so many times. Raises what schemathesis finds wrong, with a curl command that shows it."""
    operation = schemathesis.openapi.from_dict(document)[path][method]
    cases = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    if operation.body or operation.query or operation.path_parameters:
        cases |= operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

    with requests.Session() as session:

        @settings(
            max_examples=examples,
            derandomize=True,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=cases)
        def ask(case: Any) -> None:
            case.call_and_validate(base_url=url, session=session, checks=CHECKS)

        ask()


def ask_once(document: dict[str, Any], method: str, path: str, *, url: str, body: dict[str, Any]) -> None:
    """Ask just this. Raises as `exercise`, whose random requests may all miss what is broken."""
    operation = schemathesis.openapi.from_dict(document)[path][method]
    operation.Case(body=body, media_type="application/json").call_and_validate(base_url=url, checks=CHECKS)
