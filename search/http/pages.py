"""Pages for people, and the files that they are made of. Nothing on them comes from anywhere else."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from importlib.resources import files
from typing import Final

from aiohttp import ETag, web

_FILES: Final = files("freshet.search.http") / "page"
_TYPES: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
SEARCH_PAGE: Final = (
    "access.js",
    "address.js",
    "elements.js",
    "freshness.js",
    "icon.svg",
    "keys.js",
    "publish.js",
    "results.js",
    "search.js",
    "service.js",
    "style.css",
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

    def table(self) -> list[web.RouteDef]:
        return [web.get("/assets/{name}", self.get)]

    async def get(self, request: web.Request) -> web.Response:
        """A file of a page. Browsers keep it, and ask whether it is still the same."""
        name = request.match_info["name"]
        content = self._files.get(name)
        if content is None:
            raise web.HTTPNotFound
        tag = blake2b(content, digest_size=8).hexdigest()
        known = request.if_none_match or ()
        response = web.Response(headers={"Cache-Control": "no-cache"})
        response.etag = tag
        if ETag(tag) in known:
            response.set_status(304)
            return response
        response.content_type = _TYPES[name.rpartition(".")[2]]
        response.charset = "utf-8"
        response.body = content
        return response


class SearchPageRoutes:
    """`GET /`."""

    def __init__(self) -> None:
        self._page = (_FILES / "index.html").read_text(encoding="utf-8")

    def table(self) -> list[web.RouteDef]:
        return [web.get("/", self.get)]

    async def get(self, _: web.Request) -> web.Response:
        """The search page, for people."""
        return html_response(self._page)


def html_response(text: str) -> web.Response:
    """A page, with the headers that keep it to itself."""
    return web.Response(text=text, content_type="text/html", headers=_HEADERS)
