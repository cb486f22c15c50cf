"""The page of the HTTP service and the probe ports, from their operations and the models of their bodies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from freshet.schemas.access import Scope
from freshet.schemas.http import ProblemBody
from freshet.search.http.operations import ANYWHERE, Model, Operation
from freshet.search.http.problems import Kind
from tools.reference.fields import fields_table, nested_models
from tools.reference.markdown import doc, page, said, table
from tools.reference.operations import probe_operations, service_operations

INTRODUCTION: Final = """\
[HTTP](../http.md) tells how these are used, with examples. The service tells the same of itself, at `/docs` and
`/openapi.json` ([checked in](../contracts/openapi.json)). A request that names an unknown field or parameter is
refused. An empty default means that the field may be left out."""
KEYS: Final = """\
Where `FRESHET_SEARCH__KEYS` has keys, a request shows one in `Authorization: Bearer …` or `X-API-Key`, and these are
their scopes. Without keys everybody may ask everything. [Keys](../keys.md) tells more."""
EVERYBODY: Final = "everybody"
METRICS: Final = "Every metric of the process, in Prometheus's text format: [metrics.md](metrics.md)."


def http_page() -> str:
    """The whole page."""
    service, probes = service_operations(), probe_operations()
    sections = [
        "## The search service",
        *(_section(each) for each in service),
        "## The probe port",
        "Each process has one, 9108 for the worker and 9109 for search.",
        *(_section(each) for each in probes),
        "## Who may ask",
        KEYS,
        _scopes(),
        _access(service),
        "## Bodies",
        *(_body(model) for model in _bodies([*service, *probes])),
        "## Problems",
        "Every error is one of these, as `application/problem+json`. Those with a • any route may answer.",
        table(["status", "type", "title", "any route"], [_row(kind) for kind in Kind]),
    ]
    return page("HTTP", "the operations of `search/http/` and `freshet/schemas/`", INTRODUCTION, *sections)


def _row(kind: Kind) -> list[str]:
    return [str(kind.status), f"`{kind.type}`", kind.title, "•" if kind in ANYWHERE else ""]


def _scopes() -> str:
    return table(["scope", "may"], [[f"`{scope}`", scope.meaning] for scope in Scope])


def _access(service: list[Operation]) -> str:
    """Who may call what."""
    rows = [[f"`{of.name}`", f"`{of.scope}`, `{Scope.ADMIN}`" if of.scope else EVERYBODY] for of in service]
    return table(["route", "who"], rows)


def _section(of: Operation) -> str:
    about = METRICS if of.name == "GET /metrics" else of.about
    return "\n\n".join(
        [f"### `{of.name}`", said(about, f"the handler of {of.name}"), *_takes(of), *_answers(of), *_problems(of)]
    )


def _takes(of: Operation) -> Iterator[str]:
    if of.parameters:
        yield f"Parameters:\n\n{fields_table(of.parameters, names=of.names)}"
    for name, about in of.takes.items():
        yield f"Header `{name}`: {about}."
    if of.body:
        yield f"Body, `application/json`: {_link(of.body)}."
    if of.lines:
        events = " or ".join(f"[{model.__name__}](events.md#{model.__name__.lower()})" for model in of.lines)
        yield f"Body, `application/x-ndjson`: each line an {events}."


def _answers(of: Operation) -> Iterator[str]:
    if of.answer:
        statuses = " or ".join(str(each) for each in (of.status, of.unwell) if each)
        yield f"Answer: {statuses}, {_link(of.answer)}."
    for name, about in of.tells.items():
        yield f"Header of the answer `{name}`: {about}."


def _problems(of: Operation) -> Iterator[str]:
    own = [f"`{kind.type.rpartition('/')[2]}`" for kind in of.kinds if kind not in ANYWHERE]
    if own:
        yield f"Problems, beside those of every route: {', '.join(own)}."


def _link(model: Model) -> str:
    return f"[{model.__name__}](#{model.__name__.lower()})"


def _bodies(found: list[Operation]) -> list[Model]:
    """The models of all bodies, each before those that stand in it."""
    outer = [model for each in found for model in (each.body, each.answer) if model]
    every: dict[Model, None] = {}
    problem: Model = ProblemBody
    for model in [*outer, problem]:
        every |= dict.fromkeys([model, *nested_models(model)])
    return list(every)


def _body(model: Model) -> str:
    return f"### {model.__name__}\n\n{doc(model)}\n\n{fields_table(model)}"
