"""Pages for people, and the files that they are made of. Nothing on them comes from anywhere else."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from importlib.resources import files
from typing import Final

from aiohttp import ETag, web

from freshet.search.http.operations import Operation

_FILES: Final = files("freshet.search.http") / "page"
_TYPES: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
SEARCH_PAGE: Final = (
    "access.js",
    "address.js",
    "chips.js",
    "choices.js",
    "elements.js",
    "facets.js",
    "filters.js",
    "freshness.js",
    "icon.svg",
    "keys.js",
    "opinion.js",
    "publish.js",
    "question.js",
    "ranges.js",
    "reasons.js",
    "results.js",
    "search.js",
    "service.js",
    "style.css",
    "telling.js",
    "where.js",
)
STATUS_PAGE: Final = ("icon.svg", "status.js", "style.css")
_HEADERS: Final = {
    # No script, style or picture but our own, and nobody may frame the page: what a document holds stays a text.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}


class AssetRoutes:
    """`GET /assets/{name}`, for the files of these names."""

    def __init__(self, names: Iterable[str]) -> None:
        self._files = {name: (_FILES / name).read_bytes() for name in names}

    def operations(self) -> list[Operation]:
        return [Operation(method="GET", path="/assets/{name}", handler=self.get, scope=None, head=True)]

    async def get(self, request: web.Request) -> web.Response:
        """A file of a page. Browsers keep it, and ask whether it is still the same."""
        name = request.match_info["name"]
        content = self._files.get(name)
        if content is None:
            raise web.HTTPNotFound
        return kept_response(request, content, _TYPES[name.rpartition(".")[2]])


class SearchPageRoutes:
    """`GET /`."""

    def __init__(self) -> None:
        self._page = (_FILES / "index.html").read_text(encoding="utf-8")

    def operations(self) -> list[Operation]:
        return [Operation(method="GET", path="/", handler=self.get, scope=None, head=True)]

    async def get(self, _: web.Request) -> web.Response:
        """The search page, for people."""
        return html_response(self._page)


def kept_response(request: web.Request, content: bytes, content_type: str) -> web.Response:
    """What browsers may keep, if they ask each time whether it is still the same: 304 when it is."""
    tag = blake2b(content, digest_size=8).hexdigest()
    response = web.Response(headers={"Cache-Control": "no-cache"})
    response.etag = tag
    if ETag(tag) in (request.if_none_match or ()):
        response.set_status(304)
        return response
    response.content_type = content_type
    response.charset = "utf-8"
    response.body = content
    return response


def html_response(text: str) -> web.Response:
    """A page, with the headers that keep it to itself."""
    return web.Response(text=text, content_type="text/html", headers=_HEADERS)
