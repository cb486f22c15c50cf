"""The API, described: for programs and for people."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from aiohttp import web
from pydantic_core import to_json

from freshet.search.http.docs_page import HERE, docs_page
from freshet.search.http.openapi import openapi
from freshet.search.http.operations import Operation
from freshet.search.http.pages import html_response, kept_response


class DocsRoutes:
    """`GET /openapi.json` and `GET /docs`, of these operations."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        document = openapi(operations)
        self._document = to_json(document)
        self._page = docs_page(document)

    def operations(self) -> list[Operation]:
        return [
            Operation(method="GET", path="/openapi.json", handler=self.document, scope=None, head=True),
            Operation(method="GET", path="/docs", handler=self.page, scope=None, head=True),
        ]

    async def document(self, request: web.Request) -> web.Response:
        """This API as OpenAPI 3.1. Caches may keep it, and ask whether it is still the same."""
        return kept_response(request, self._document, "application/json")

    async def page(self, request: web.Request) -> web.Response:
        """This API as a page, for people."""
        return html_response(self._page.replace(HERE, escape(f"{request.scheme}://{request.host}")))
