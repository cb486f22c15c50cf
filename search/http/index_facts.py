"""The route that tells what the index holds and how fresh it is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from aiohttp import web

from freshet.schemas.access import Scope
from freshet.schemas.fields import PREFIX
from freshet.schemas.http import IndexFacts, IndexParameters
from freshet.search.http.access import caller_of
from freshet.search.http.answers import json_response
from freshet.search.http.operations import OUTSIDE, Operation
from freshet.search.http.options import HttpOptions
from freshet.search.http.requests import read_parameters
from freshet.search.service import Offer
from freshet.search.watching import IndexWatch

_MOST_SPARE_SECONDS: Final = 1.0  # between the end of a wait and the request's deadline


class IndexRoutes:
    """`GET /index`; with `after` and `wait_ms` a long poll."""

    def __init__(
        self,
        *,
        watch: IndexWatch,
        options: HttpOptions,
        publishing: bool,
        offer: Offer,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._watch = watch
        self._options = options
        self._publishing = publishing
        self._offer = offer
        self._now = now

    def operations(self) -> list[Operation]:
        return [
            Operation(
                method="GET",
                path="/index",
                handler=self.get,
                parameters=IndexParameters,
                answer=IndexFacts,
                problems=OUTSIDE,
                scope=Scope.SEARCH,
            )
        ]

    async def get(self, request: web.Request) -> web.Response:
        """What the index holds and how fresh it is; with `wait_ms` a long poll. 503 while no version is live.

        To a tenant's key it tells of that tenant's documents alone.
        """
        caller = caller_of(request)
        asked = read_parameters(request, IndexParameters)
        deadline = self._options.deadline_seconds
        longest = deadline - min(_MOST_SPARE_SECONDS, deadline / 2)
        seconds = min(asked.wait_ms / 1000, longest)
        facts = await self._watch.facts(after=asked.after, seconds=seconds, tenant=caller.tenant)
        answer = IndexFacts(
            index=facts.index,
            version=facts.version,
            documents=facts.documents,
            newest_event_at=facts.newest_event_at,
            changed_at=facts.changed_at,
            now=self._now(),
            tenants=self._options.rules.tenants,
            order=self._options.rules.order,
            publishing=self._publishing and caller.may(Scope.PUBLISH),
            tenant=caller.tenant,
            fields={PREFIX + path: kind for path, kind in self._offer.fields.items()},
            reranking=self._offer.reranking,
        )
        return json_response(answer)

    async def end_waits(self, _: web.Application) -> None:
        """Answer those who wait, so that they don't hold up the end of the service."""
        self._watch.end()
