"""Routes that search."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from aiohttp import web

from freshet.schemas.access import Scope
from freshet.schemas.http import SearchAnswer, SearchRequest
from freshet.search.asking import MAX_QUERY_CHARACTERS, InvalidSearch
from freshet.search.freshness import Freshness, watermarks_of
from freshet.search.http.access import caller_of
from freshet.search.http.answers import json_response
from freshet.search.http.edge import is_late, keep_query, seconds_left
from freshet.search.http.fresh import TAKES, TELLS, longest_wait, read_tokens, watermark
from freshet.search.http.operations import OUTSIDE, TENANT, Operation
from freshet.search.http.problems import Kind, Problem, field_error
from freshet.search.http.requests import read_json, read_parameters
from freshet.search.load import ShedError
from freshet.search.metrics import Degraded, Outcome, SearchMetrics
from freshet.search.service import SearchService

_NAMES: Final = {"query": "q"}
_PURPOSE: Final = "Freshet-Purpose"
_IN_ADVANCE: Final = "warm"  # an answer is to be kept for whoever asks next: nobody has asked for it
_TAKES: Final = {**TAKES, _PURPOSE: f"`{_IN_ADVANCE}`, where an answer is made to be kept for whoever asks next"}
_WAITED: Final = web.RequestKey("waited", float)  # seconds, for events


class SearchRoutes:
    """`POST /search` for programs, `GET /search?q=` for people."""

    def __init__(
        self,
        *,
        service: SearchService,
        freshness: Freshness,
        metrics: SearchMetrics,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._service = service
        self._freshness = freshness
        self._metrics = metrics
        self._clock = clock

    def operations(self) -> list[Operation]:
        return [
            Operation(
                method="POST",
                path="/search",
                handler=self.post,
                takes=_TAKES,
                tells=TELLS,
                body=SearchRequest,
                example={"query": "router does not answer", "limit": 3},
                answer=SearchAnswer,
                problems=OUTSIDE | TENANT | {Kind.OVERLOADED},
                scope=Scope.SEARCH,
            ),
            Operation(
                method="GET",
                path="/search",
                handler=self.get,
                takes=_TAKES,
                tells=TELLS,
                parameters=SearchRequest,
                names=_NAMES,
                example={"q": "router does not answer", "limit": 3},
                answer=SearchAnswer,
                problems=OUTSIDE | TENANT | {Kind.OVERLOADED},
                scope=Scope.SEARCH,
            ),
        ]

    async def post(self, request: web.Request) -> web.Response:
        """Search, for programs."""
        with self._counted(request):
            return _response(await self._search(request, await read_json(request, SearchRequest), {}))

    async def get(self, request: web.Request) -> web.Response:
        """Search, for people: the fields of the body of `POST /search` as parameters."""
        with self._counted(request):
            asked = read_parameters(request, SearchRequest, names=_NAMES)
            return _response(await self._search(request, asked, _NAMES))

    async def _search(self, request: web.Request, asked: SearchRequest, names: dict[str, str]) -> SearchAnswer:
        keep_query(request, asked.query[:MAX_QUERY_CHARACTERS])
        tenant = caller_of(request).acts_for(asked.tenant)
        tokens = read_tokens(request, asked.fresh_after)
        try:
            await self._wait(request, tokens, asked.wait_ms)
            answer = await self._service.search(
                asked if asked.tenant == tenant else asked.model_copy(update={"tenant": tenant}),
                seconds_left=seconds_left(request),
                at_least=watermarks_of(tokens),
                in_advance=_is_in_advance(request),
            )
        except InvalidSearch as error:
            raise Problem.invalid(field_error(names.get(error.field, error.field), error.message)) from error
        return self._judged(answer, tokens)

    async def _wait(self, request: web.Request, tokens: Sequence[str], wait_ms: int) -> None:
        """Wait for events, in no place of a search that is worked on; the time is none that answering took."""
        start = self._clock()
        if await self._freshness.wait(tokens, seconds=longest_wait(request, wait_ms)):
            request[_WAITED] = self._clock() - start

    def _judged(self, answer: SearchAnswer, tokens: Sequence[str]) -> SearchAnswer:
        """The answer, with the tokens that it may not show."""
        pending = self._freshness.pending(tokens, answer.index)
        if not pending:
            return answer
        self._metrics.degraded(Degraded.NOT_FRESH)
        degraded = [*answer.degraded, Degraded.NOT_FRESH.value]
        return answer.model_copy(update={"degraded": degraded, "pending": pending})

    @contextmanager
    def _counted(self, request: web.Request) -> Iterator[None]:
        start, outcome = self._clock(), Outcome.FAILED
        try:
            yield
            outcome = Outcome.ANSWERED
        except (Problem, web.HTTPException, web.RequestPayloadError):
            outcome = Outcome.REFUSED
            raise
        except ShedError as error:
            outcome = Outcome.SHED
            self._metrics.shed(error.reason)
            raise
        except asyncio.CancelledError:
            arrived = request.content.is_eof()
            outcome = (Outcome.FAILED if arrived else Outcome.REFUSED) if is_late(request) else Outcome.CANCELLED
            raise
        finally:
            if not _is_in_advance(request):
                self._metrics.searched(outcome, self._clock() - start - request.get(_WAITED, 0.0))


def _is_in_advance(request: web.Request) -> bool:
    return request.headers.get(_PURPOSE) == _IN_ADVANCE


def _response(answer: SearchAnswer) -> web.Response:
    return json_response(answer, headers=watermark(answer.index))
