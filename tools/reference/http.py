"""The page of the HTTP service and the probe ports, from their routers and the models of their bodies."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry

from freshet.probes import create_probe_app
from freshet.schemas.access import Scope
from freshet.schemas.http import ProblemBody
from freshet.search.http.access import SCOPES
from freshet.search.http.app import create_app
from freshet.search.http.options import HttpOptions
from freshet.search.http.problems import Kind
from tools.reference.fields import fields_table, nested_models
from tools.reference.markdown import doc, page, said, table
from tools.reference.routes import Model, Route, application, routes

INTRODUCTION: Final = """\
[HTTP](../http.md) tells how these are used, with examples. A request that names an unknown field or parameter is
refused. An empty default means that the field may be left out."""
KEYS: Final = """\
Where `FRESHET_SEARCH__KEYS` has keys, a request shows one in `Authorization: Bearer …` or `X-API-Key`, and these are
their scopes. Without keys everybody may ask everything. [Keys](../keys.md) tells more."""
EVERYBODY: Final = "everybody"
METRICS: Final = "Every metric of the process, in Prometheus's text format: [metrics.md](metrics.md)."


def http_page() -> str:
    """The whole page."""
    service, probes = service_routes(), probe_routes()
    sections = [
        "## The search service",
        *(_section(route) for route in service),
        "## The probe port",
        "Each process has one, 9108 for the worker and 9109 for search.",
        *(_section(route) for route in probes),
        "## Who may ask",
        KEYS,
        _scopes(),
        _access(service),
        "## Bodies",
        *(_body(model) for model in _bodies([*service, *probes])),
        "## Problems",
        "Every error is one of these, as `application/problem+json`.",
        table(["status", "type", "title"], [[str(kind.status), f"`{kind.type}`", kind.title] for kind in Kind]),
    ]
    return page("HTTP", "the routers and `freshet/schemas/`", INTRODUCTION, *sections)


def service_routes() -> list[Route]:
    return routes(application(create_app, options=HttpOptions()))


def probe_routes() -> list[Route]:
    return routes(application(create_probe_app, registry=CollectorRegistry()))


def _scopes() -> str:
    return table(["scope", "may"], [[f"`{scope}`", scope.meaning] for scope in Scope])


def _access(service: list[Route]) -> str:
    """Who may call what."""
    rows = []
    for route in service:
        scope = SCOPES[route.name]
        rows.append([f"`{route.name}`", EVERYBODY if scope is None else f"`{scope}`, `{Scope.ADMIN}`"])
    return table(["route", "who"], rows)


def _section(route: Route) -> str:
    about = METRICS if route.name == "GET /metrics" else route.about
    return "\n\n".join(
        [f"### `{route.name}`", said(about, f"the handler of {route.name}"), *_takes(route), *_answers(route)]
    )


def _takes(route: Route) -> list[str]:
    if route.in_body:
        return [f"Body, `application/json`: {_links(route.takes)}."]
    return [f"Parameters:\n\n{fields_table(model, names=route.renames)}" for model in route.takes]


def _answers(route: Route) -> list[str]:
    return [f"Answer: {_links(route.answers)}."] if route.answers else []


def _links(models: list[Model]) -> str:
    return ", ".join(f"[{model.__name__}](#{model.__name__.lower()})" for model in models)


def _bodies(found: list[Route]) -> list[Model]:
    """The models of all bodies, each before those that stand in it."""
    outer = [model for route in found for model in [*(route.takes if route.in_body else []), *route.answers]]
    every: dict[Model, None] = {}
    problem: Model = ProblemBody
    for model in [*outer, problem]:
        every |= dict.fromkeys([model, *nested_models(model)])
    return list(every)


def _body(model: Model) -> str:
    return f"### {model.__name__}\n\n{doc(model)}\n\n{fields_table(model)}"
