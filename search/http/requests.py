"""Reading what a request holds, within its limits."""

from __future__ import annotations

from typing import Final, TypeVar
from urllib.parse import unquote_to_bytes

from aiohttp import web
from pydantic import BaseModel, ValidationError

from freshet.search.http.problems import Kind, Problem, explain_validation, field_error

JSON: Final = frozenset({"application/json"})
JSON_LINES: Final = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
# An id may hold any character, slashes too, whether they come encoded or not.
DOCUMENT_ROUTE: Final = "/documents/{id:(?s:.+)}"
_UTF8: Final = frozenset({"utf-8", "utf8"})

M = TypeVar("M", bound=BaseModel)


async def read_json(request: web.Request, model: type[M]) -> M:
    """The JSON body. Raises Problem: 415 for another content type, 400 for no JSON, 422 for what the model refuses."""
    demand_type(request, JSON)
    body = await request.read()
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise explain_validation(error) from error


def read_parameters(request: web.Request, model: type[M], *, names: dict[str, str] | None = None) -> M:
    """The parameters behind the question mark; `names` are the model's fields that are called otherwise there."""
    names = names or {}
    fields = {names.get(field, field): field for field in model.model_fields}
    values: dict[str, str] = {}
    for name, value in request.query.items():
        if name not in fields:
            raise Problem.invalid(field_error(name, f"there is no such parameter; there are {', '.join(fields)}"))
        if fields[name] in values:
            raise Problem.invalid(field_error(name, "is given more than once"))
        values[fields[name]] = value
    try:
        return model.model_validate_strings(values)
    except ValidationError as error:
        raise explain_validation(error, names=names) from error


def document_id(request: web.Request) -> str:
    """The id in the path of a document. Raises Problem where it is not UTF-8."""
    # Not from match_info, which leaves bytes that are no UTF-8 encoded, and so would take %FF for %25FF.
    _, _, encoded = request.rel_url.raw_path.split("/", 2)
    try:
        return unquote_to_bytes(encoded).decode()
    except UnicodeError as error:
        raise Problem.invalid(field_error("id", "is not UTF-8")) from error


def demand_type(request: web.Request, types: frozenset[str]) -> None:
    """Raise Problem 415 unless the body says that it is of one of these types, in UTF-8.

    Pages of other origins cannot send these types unasked, so this also keeps their forms out.
    """
    if request.content_type not in types:
        raise Problem(Kind.UNSUPPORTED_MEDIA_TYPE, f"the Content-Type must be {' or '.join(sorted(types))}")
    if (request.charset or "utf-8").lower() not in _UTF8:
        raise Problem(Kind.UNSUPPORTED_MEDIA_TYPE, "the body must be UTF-8")
