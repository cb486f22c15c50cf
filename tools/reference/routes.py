"""The routes of an application, with the models that each takes and answers, as the code has them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any, Final
from unittest.mock import MagicMock

from aiohttp import web
from pydantic import BaseModel

from freshet.schemas import http
from tools.reference.fields import nested_models

Model = type[BaseModel]
PROBLEMS: Final = {http.ProblemBody, http.FieldError}  # which every route may answer
_ROOMS: Final = ("freshet.search.", "freshet.probes")  # where what a handler calls is followed


@dataclass(frozen=True)
class Route:
    """`takes` and `answers` are models; `renames` are the parameters that are called otherwise than their fields."""

    name: str
    about: str
    takes: list[Model]
    in_body: bool
    answers: list[Model]
    renames: dict[str, str]


def application(create: Callable[..., web.Application], **given: Any) -> web.Application:
    """An application whose routes can be looked at: what is not given is a stand-in."""
    missing = inspect.signature(create).parameters.keys() - given.keys()
    return create(**given, **{name: MagicMock() for name in missing})


def routes(app: web.Application) -> list[Route]:
    """All routes but the HEAD ones that aiohttp adds, in the order of their paths."""
    own = [route for route in app.router.routes() if route.method != "HEAD" and route.resource]
    found = [_route(f"{each.method} {_path(each)}", each.handler) for each in own]
    return sorted(found, key=lambda route: route.name.split()[::-1])


def _path(route: web.AbstractRoute) -> str:
    return route.resource.canonical if route.resource else ""


def _route(name: str, handler: Any) -> Route:
    names = set(_names(handler))
    models = _models(handler)
    takes = [each for each in models if each.model_config.get("extra") == "forbid"]  # as all requests do
    answers = [each for each in models if each not in takes and each not in PROBLEMS and _is_body(each)]
    inner = {each for answer in answers for each in nested_models(answer)}
    outer = [each for each in answers if each not in inner]
    renames = {ours: theirs for value in _globals(handler, names) for ours, theirs in value.items()}
    return Route(name, inspect.getdoc(handler) or "", takes, "read_json" in names, outer, renames)


def _is_body(model: Model) -> bool:
    return model.__module__ in ("freshet.schemas.http", "freshet.schemas.status")


def _globals(handler: Any, names: set[str]) -> Iterator[dict[str, str]]:
    values = (inspect.unwrap(handler).__globals__.get(name) for name in names)
    return (value for value in values if isinstance(value, dict))


def _models(handler: Any) -> list[Model]:
    """The models that a handler names, itself or in the functions that it calls in the search service."""
    owner = type(getattr(handler, "__self__", None))
    seen: dict[Any, None] = {}
    waiting, found = [getattr(handler, "__func__", handler)], dict[Model, None]()
    while waiting:
        function = waiting.pop()
        seen[function] = None
        for name in _names(function):
            value = getattr(owner, name, None) or getattr(function, "__globals__", {}).get(name)
            if isinstance(value, type) and issubclass(value, BaseModel):
                found[value] = None
            elif isinstance(value, FunctionType) and value.__module__.startswith(_ROOMS) and value not in seen:
                waiting.append(value)
    return list(found)


def _names(function: Any) -> Iterator[str]:
    """Every name in a function's code and annotations."""
    function = getattr(function, "__func__", function)
    yield from _of_code(function.__code__)
    for annotation in function.__annotations__.values():
        yield from re.findall(r"\w+", str(annotation))


def _of_code(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _of_code(constant)
