"""What the service can be asked. Each route is declared once; routers, the reference and OpenAPI are made from that."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import BaseModel

from freshet.schemas.access import Scope
from freshet.search.http.problems import Kind

Model = type[BaseModel]

ANYWHERE: Final = frozenset(
    {Kind.BAD_REQUEST, Kind.FOREIGN_ORIGIN, Kind.FOREIGN_HOST, Kind.INTERNAL, Kind.UNAVAILABLE, Kind.DEADLINE}
)
OUTSIDE: Final = frozenset({Kind.REFUSED})  # of what needs Qdrant, Kafka or the model
TENANT: Final = frozenset({Kind.FOREIGN_TENANT})  # of what names a tenant
_KEY: Final = frozenset({Kind.NO_KEY, Kind.MISSING_SCOPE, Kind.TOO_MANY_REQUESTS})
_FIELDS: Final = frozenset({Kind.INVALID_REQUEST})
_BODY: Final = frozenset({Kind.SLOW_REQUEST, Kind.TOO_LARGE, Kind.UNSUPPORTED_MEDIA_TYPE})


@dataclass(frozen=True, kw_only=True)
class Operation:
    """A method on a path: what it takes and answers, as the models that its handler reads and writes.

    The docstring of the handler says what it is for: a summary, and after an empty line the rest. `route` is the path
    as the router has it, where that is more than `path`. `names` are the parameters that are called otherwise than
    their fields. `takes` are headers that it reads, and `tells` those of its answer, each with what it means. A body is
    one JSON value, or `lines` of them. `unwell` is a status under which the same answer tells
    what is wrong. `problems` are those beside what every operation, and every one that reads fields or a body, may
    answer. `scope` is what a caller must be allowed; None is for everybody. What has no `answer` is for browsers.
    """

    method: str
    path: str
    handler: Handler
    scope: Scope | None
    route: str = ""
    in_path: Model | None = None
    parameters: Model | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    takes: Mapping[str, str] = field(default_factory=dict)
    tells: Mapping[str, str] = field(default_factory=dict)
    body: Model | None = None
    lines: tuple[Model, ...] = ()
    example: Mapping[str, Any] | None = None
    answer: Model | None = None
    status: int = 200
    unwell: int | None = None
    problems: frozenset[Kind] = frozenset()
    head: bool = False

    @property
    def name(self) -> str:
        """What people call it: `GET /search`."""
        return f"{self.method} {self.path}"

    @property
    def about(self) -> str:
        """What it is for."""
        return inspect.getdoc(self.handler) or ""

    @property
    def kinds(self) -> list[Kind]:
        """Every problem that it may answer, in the order of their statuses."""
        found = ANYWHERE | self.problems
        if self.in_path or self.parameters or self.body or self.lines:
            found |= _FIELDS
        if self.body or self.lines:
            found |= _BODY
        if self.body:
            found |= {Kind.INVALID_JSON}
        if self.scope:
            found |= _KEY
        return sorted((kind for kind in Kind if kind in found), key=lambda kind: kind.status)


OPERATIONS: Final = web.AppKey("operations", list[Operation])
_SCOPES: Final = web.AppKey("scopes", dict[str, Scope | None])


def add_operations(app: web.Application, operations: Iterable[Operation]) -> None:
    """Let an application answer them, and remember them under OPERATIONS."""
    found = list(operations)
    app[OPERATIONS] = found
    app[_SCOPES] = {each.name: each.scope for each in found}
    for each in found:
        app.router.add_route(each.method, each.route or each.path, each.handler)
        if each.head:
            app.router.add_route("HEAD", each.route or each.path, each.handler)


def scope_of(request: web.Request) -> Scope | None:
    """What a caller must be allowed for the operation that a request has found."""
    route = request.match_info.route
    method = "GET" if route.method == "HEAD" else route.method
    return request.app[_SCOPES][f"{method} {route.resource.canonical if route.resource else ''}"]
