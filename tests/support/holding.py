"""Requests that are kept back, to arrive when nobody expects them any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from aiohttp import web


class Hold:
    """Keeps the first request of each of these kinds that comes in at a door of a proxy, until `let_go`.

    `kept` are the kinds that it has got so far; `arrived` counts the requests that the server has answered since.
    """

    def __init__(
        self, door: int, kinds: Collection[str], kind_of: Callable[[web.BaseRequest, bytes], str | None]
    ) -> None:
        self.kept: list[str] = []
        self.arrived = 0
        self.gone = asyncio.Event()
        self._door = door
        self._kinds = frozenset(kinds)
        self._kind_of = kind_of

    @property
    def full(self) -> bool:
        return self._kinds == set(self.kept)

    def keeps(self, door: int | None, request: web.BaseRequest, body: bytes) -> bool:
        if self.gone.is_set() or door != self._door:
            return False
        kind = self._kind_of(request, body)
        if kind not in self._kinds or kind in self.kept:
            return False
        self.kept.append(kind)
        return True

    def let_go(self) -> None:
        self.gone.set()
