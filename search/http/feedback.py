"""The route that takes what people think of results."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from aiohttp import web

from freshet.schemas.access import Scope
from freshet.schemas.http import FeedbackBody, FeedbackTaken
from freshet.schemas.queries import FeedbackRecord
from freshet.search.http.access import caller_of
from freshet.search.http.answers import json_response
from freshet.search.http.operations import OUTSIDE, TENANT, Operation
from freshet.search.http.problems import Kind, Problem, field_error
from freshet.search.http.publishing import ACCEPTED
from freshet.search.http.requests import read_json
from freshet.search.metrics import SearchMetrics
from freshet.search.ports import FeedbackLog


class FeedbackRoutes:
    """`POST /feedback`: whoever may search may say what a result was worth."""

    def __init__(
        self,
        *,
        log: FeedbackLog | None,
        metrics: SearchMetrics,
        tenants: bool,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._log = log
        self._metrics = metrics
        self._tenants = tenants
        self._now = now

    def operations(self) -> list[Operation]:
        return [
            Operation(
                method="POST",
                path="/feedback",
                handler=self.post,
                body=FeedbackBody,
                example={"query_id": "0f3a5c", "id": "kb-17", "score": 1},
                answer=FeedbackTaken,
                status=ACCEPTED,
                problems=OUTSIDE | TENANT,
                scope=Scope.SEARCH,
            )
        ]

    async def post(self, request: web.Request) -> web.Response:
        """Say what a result of a search was worth. 202 when Kafka has it on all replicas in sync.

        What is said again of the same result of the same search counts instead. Whether there was such a search is not
        looked at: what is said of another counts for nothing where judgements are used.
        """
        if self._log is None:
            detail = "this service keeps no feedback: it was started without Kafka"
            raise Problem(Kind.UNAVAILABLE, detail, headers={"Retry-After": "60"})
        body = await read_json(request, FeedbackBody)
        tenant = caller_of(request).acts_for(body.tenant)
        if self._tenants is (tenant is None):
            told = "on, so feedback names its tenant" if self._tenants else "off, so feedback names none"
            raise Problem.invalid(field_error("tenant", f"tenants are {told}"))
        record = FeedbackRecord(query_id=body.query_id, time=self._now(), tenant=tenant, id=body.id, score=body.score)
        await self._log.judge(record)
        self._metrics.judged(body.score)
        return json_response(FeedbackTaken(query_id=body.query_id), status=ACCEPTED)
