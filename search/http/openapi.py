"""OpenAPI 3.1 of the service, from its operations and the models that validate what they take.

https://spec.openapis.org/oas/v3.1.1
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from importlib.metadata import version
from itertools import groupby
from typing import Any, Final

from pydantic.json_schema import JsonSchemaMode, models_json_schema

from freshet.schemas.http import ProblemBody
from freshet.search.http.callers import KEY_HEADER
from freshet.search.http.operations import Model, Operation
from freshet.search.http.problems import Kind

Json = dict[str, Any]
JSON: Final = "application/json"
LINES: Final = "application/x-ndjson"
PROBLEM: Final = "application/problem+json"
_TAGS: Final = ("type", "kind")
_RESPONSE: Final = "#/components/responses/"
_REF: Final = "#/components/schemas/{model}"
_ABOUT: Final = (
    "Search an index that is kept true to a Kafka topic, and publish to the topic. A request that names an unknown "
    "field or parameter is refused; answers may get more fields. Every error is `application/problem+json`, with a "
    "stable `type`."
)
_SCHEMES: Final = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "a key that `freshet keys new` has made"},
    "header": {"type": "apiKey", "in": "header", "name": KEY_HEADER, "description": "the same key, without a scheme"},
}
_REQUEST_ID: Final = {"X-Request-ID": "stands in the service's log beside what went wrong"}


def openapi(operations: Iterable[Operation]) -> Json:
    """The document. What is for browsers, and so has no model of its answer, is not in it."""
    found = [each for each in operations if each.answer is not None]
    paths: dict[str, Json] = {}
    for each in found:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each)
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "Freshet",
            "version": version("freshet"),
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": _inner(found) | schemas(_models(found)),
            "responses": _problems(found),
            "securitySchemes": _SCHEMES,
        },
    }


def schemas(models: Iterable[tuple[Model, JsonSchemaMode]], *, reference: str = _REF) -> Json:
    """JSON Schemas of models, and of those that stand in them, by name; `reference` is where they will lie."""
    _, found = models_json_schema(sorted(models, key=lambda each: each[0].__name__), ref_template=reference)
    definitions: Json = found["$defs"]
    for schema in definitions.values():
        _demand_tags(schema)
    return definitions


def _demand_tags(schema: Json) -> None:
    """What tells the kinds of a union apart has a default in Python, but in JSON it must be given."""
    properties: Json = schema.get("properties", {})
    tags = [name for name in _TAGS if "const" in properties.get(name, {})]
    for tag in tags:
        properties[tag].pop("default", None)
    if tags:
        schema["required"] = sorted({*schema.get("required", ()), *tags})


def _models(operations: Sequence[Operation]) -> set[tuple[Model, JsonSchemaMode]]:
    found: set[tuple[Model, JsonSchemaMode]] = {(ProblemBody, "serialization")}
    for each in operations:
        found |= {(model, "validation") for model in (each.body, *each.lines) if model}
        found |= {(model, "serialization") for model in (each.answer,) if model}
    return found


def _inner(operations: Sequence[Operation]) -> Json:
    """The models that stand in parameters."""
    models = [model for each in operations for model in (each.in_path, each.parameters) if model]
    return {name: each for model in models for name, each in _fields(model).get("$defs", {}).items()}


def _fields(model: Model) -> Json:
    return model.model_json_schema(ref_template=_REF)


def _operation(of: Operation) -> Json:
    summary, _, rest = of.about.partition("\n\n")
    described: Json = {"operationId": _id(of), "summary": " ".join(summary.split())}
    if of.scope:
        described["security"] = [{}, *({name: []} for name in _SCHEMES)]
        rest = "\n\n".join(filter(None, (rest, f"Where there are keys, it takes one with the scope `{of.scope}`.")))
    if rest:
        described["description"] = rest
    parameters = [*_parameters(of.in_path, of, "path"), *_parameters(of.parameters, of, "query")]
    parameters += [{"name": name, "in": "header", "required": False, **each} for name, each in _texts(of.takes).items()]
    if parameters:
        described["parameters"] = parameters
    if of.body or of.lines:
        described["requestBody"] = {"required": True, "content": _content(of)}
    answers = {str(of.status): _answer(of, of.status)}
    if of.unwell:
        answers[str(of.unwell)] = _answer(of, of.unwell, {PROBLEM: {"schema": _reference(ProblemBody)}})
    problems = {str(kinds[0].status): {"$ref": _RESPONSE + _name(kinds)} for kinds in _by_status(of)}
    return {**described, "responses": dict(sorted({**problems, **answers}.items()))}


def _id(of: Operation) -> str:
    words = [of.method.lower(), *of.path.strip("/").replace("{", "").replace("}", "").split("/")]
    return "_".join(words)


def _parameters(model: Model | None, of: Operation, place: str) -> Iterator[Json]:
    if model is None:
        return
    schema = _fields(model)
    for name, given in schema["properties"].items():
        called = of.names.get(name, name)
        described = {key: value for key, value in given.items() if key not in ("title", "description")}
        parameter = {
            "name": called,
            "in": place,
            "required": name in schema.get("required", ()),
            "description": given.get("description", ""),
            "schema": _without_null(described),
        }
        if of.example and called in of.example and place == "query":
            parameter["example"] = of.example[called]
        yield parameter


def _without_null(schema: Json) -> Json:
    """A parameter is given or not; null is no text that it could be."""
    kinds = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    if len(kinds) != 1:
        return schema
    return {**kinds[0], **{key: value for key, value in schema.items() if key not in ("anyOf", "default")}}


def _content(of: Operation) -> Json:
    if of.body:
        described: Json = {"schema": _reference(of.body)}
        media = JSON
    else:
        line = {"oneOf": [_reference(each) for each in of.lines]}
        about = "one JSON object a line; empty lines are skipped"
        described = {
            "schema": {"type": "string", "description": about, "contentMediaType": JSON, "contentSchema": line}
        }
        media = LINES
    if of.example:
        described["example"] = dict(of.example) if of.body else json.dumps(of.example) + "\n"
    return {media: described}


def _answer(of: Operation, status: int, besides: Json | None = None) -> Json:
    content = {JSON: {"schema": _reference(of.answer)} if of.answer else {}, **(besides or {})}
    headers = _texts({**_REQUEST_ID, **of.tells})
    return {"description": HTTPStatus(status).phrase, "headers": headers, "content": content}


def _texts(headers: Mapping[str, str]) -> Json:
    """Headers that hold a text, by name, with what each means."""
    return {name: {"description": about, "schema": {"type": "string"}} for name, about in headers.items()}


def _problems(operations: Sequence[Operation]) -> Json:
    found = {_name(kinds): kinds for each in operations for kinds in _by_status(each)}
    return {
        name: _problem(kinds) for name, kinds in sorted(found.items(), key=lambda each: (each[1][0].status, each[0]))
    }


def _by_status(of: Operation) -> list[list[Kind]]:
    return [list(kinds) for _, kinds in groupby(of.kinds, key=lambda kind: kind.status)]


def _name(kinds: Sequence[Kind]) -> str:
    return "_or_".join(kind.type.rpartition("/")[2] for kind in kinds)


def _problem(kinds: Sequence[Kind]) -> Json:
    """One answer for some kinds of a status: the body that all have, and which types it can be."""
    types = {"enum": [kind.type for kind in kinds]}
    status = {"const": kinds[0].status}
    schema = {**_reference(ProblemBody), "properties": {"type": types, "status": status}}
    headers = _texts(_REQUEST_ID) | _headers(kinds[0].status)
    about = "; ".join(f"`{kind.type}`: {kind.title}" for kind in kinds)
    return {"description": about, "headers": headers, "content": {PROBLEM: {"schema": schema}}}


def _headers(status: int) -> Json:
    match status:
        case HTTPStatus.UNAUTHORIZED:
            return _texts({"WWW-Authenticate": "`Bearer`"})
        case HTTPStatus.SERVICE_UNAVAILABLE | HTTPStatus.TOO_MANY_REQUESTS:
            return {"Retry-After": {"description": "seconds after which to ask again", "schema": {"type": "integer"}}}
        case _:
            return {}


def _reference(model: Model) -> Json:
    return {"$ref": _REF.format(model=model.__name__)}
