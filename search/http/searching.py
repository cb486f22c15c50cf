"""Routes that search."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from aiohttp import web

from freshet.schemas.http import SearchAnswer, SearchRequest
from freshet.search.http.answers import json_response
from freshet.search.http.edge import is_late
from freshet.search.http.operations import OUTSIDE, Operation
from freshet.search.http.problems import Problem, field_error
from freshet.search.http.requests import read_json, read_parameters
from freshet.search.metrics import Outcome, SearchMetrics
from freshet.search.service import InvalidSearch, SearchService

_NAMES: Final = {"query": "q"}


class SearchRoutes:
    """`POST /search` for programs, `GET /search?q=` for people."""

    def __init__(
        self, *, service: SearchService, metrics: SearchMetrics, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._service = service
        self._metrics = metrics
        self._clock = clock

    def operations(self) -> list[Operation]:
        return [
            Operation(
                method="POST",
                path="/search",
                handler=self.post,
                body=SearchRequest,
                example={"query": "router does not answer", "limit": 3},
                answer=SearchAnswer,
                problems=OUTSIDE,
                scope="search",
            ),
            Operation(
                method="GET",
                path="/search",
                handler=self.get,
                parameters=SearchRequest,
                names=_NAMES,
                example={"q": "router does not answer", "limit": 3},
                answer=SearchAnswer,
                problems=OUTSIDE,
                scope="search",
            ),
        ]

    async def post(self, request: web.Request) -> web.Response:
        """Search, for programs."""
        with self._counted(request):
            return json_response(await self._search(await read_json(request, SearchRequest), {}))

    async def get(self, request: web.Request) -> web.Response:
        """Search, for people: the fields of the body of `POST /search` as parameters."""
        with self._counted(request):
            return json_response(await self._search(read_parameters(request, SearchRequest, names=_NAMES), _NAMES))

    async def _search(self, asked: SearchRequest, names: dict[str, str]) -> SearchAnswer:
        try:
            return await self._service.search(asked)
        except InvalidSearch as error:
            raise Problem.invalid(field_error(names.get(error.field, error.field), error.message)) from error

    @contextmanager
    def _counted(self, request: web.Request) -> Iterator[None]:
        start, outcome = self._clock(), Outcome.FAILED
        try:
            yield
            outcome = Outcome.ANSWERED
        except (Problem, web.HTTPException, web.RequestPayloadError):
            outcome = Outcome.REFUSED
            raise
        except asyncio.CancelledError:
            arrived = request.content.is_eof()
            outcome = (Outcome.FAILED if arrived else Outcome.REFUSED) if is_late(request) else Outcome.CANCELLED
            raise
        finally:
            self._metrics.searched(outcome, self._clock() - start)
