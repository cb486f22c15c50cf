"""The operations of both applications, as they declare them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any
from unittest.mock import MagicMock

from aiohttp import web
from prometheus_client import CollectorRegistry

from freshet.probes import create_probe_app
from freshet.search.http.app import create_app
from freshet.search.http.operations import OPERATIONS, Operation
from freshet.search.http.options import HttpOptions


def service_operations() -> list[Operation]:
    """Those of the search service, in the order of their paths."""
    return _sorted(_application(create_app, options=HttpOptions()))


def probe_operations() -> list[Operation]:
    """Those of the probe port, in the order of their paths."""
    return _sorted(_application(create_probe_app, registry=CollectorRegistry()))


def _application(create: Callable[..., web.Application], **given: Any) -> web.Application:
    """An application to look at: what is not given is a stand-in."""
    missing = inspect.signature(create).parameters.keys() - given.keys()
    return create(**given, **{name: MagicMock() for name in missing})


def _sorted(app: web.Application) -> list[Operation]:
    return sorted(app[OPERATIONS], key=lambda each: (each.path, each.method))
