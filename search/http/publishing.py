"""Routes that publish to the documents topic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiohttp import web
from pydantic_core import to_json

from freshet.schemas.access import Scope
from freshet.schemas.decoding import decode_body
from freshet.schemas.events import Delete, Upsert
from freshet.schemas.http import BulkPublished, DeleteParameters, DocumentBody, DocumentPath, Published
from freshet.schemas.positions import FreshnessToken
from freshet.search.http.access import caller_of
from freshet.search.http.answers import json_response
from freshet.search.http.bulk import read_events
from freshet.search.http.callers import Caller
from freshet.search.http.operations import OUTSIDE, TENANT, Operation
from freshet.search.http.options import HttpOptions
from freshet.search.http.problems import Kind, Problem
from freshet.search.http.requests import DOCUMENT_ROUTE, document_id, read_json, read_parameters
from freshet.search.ports import DocumentPublisher

ACCEPTED = 202


class PublishRoutes:
    """`PUT` and `DELETE /documents/{id}`, and `POST /documents` for many events, one a line.

    Each answers 202: the event is in the log, and becomes searchable when a worker has indexed it.
    """

    def __init__(self, *, publisher: DocumentPublisher | None, options: HttpOptions) -> None:
        self._given = publisher
        self._rules = options.rules
        self._max_bytes = options.max_body_bytes

    def operations(self) -> list[Operation]:
        return [
            Operation(
                method="PUT",
                path="/documents/{id}",
                route=DOCUMENT_ROUTE,
                handler=self.put,
                in_path=DocumentPath,
                body=DocumentBody,
                example={"title": "Expenses", "text": "Keep the receipts of your journey.", "metadata": {"lang": "en"}},
                answer=Published,
                status=ACCEPTED,
                problems=OUTSIDE | TENANT,
                scope=Scope.PUBLISH,
            ),
            Operation(
                method="DELETE",
                path="/documents/{id}",
                route=DOCUMENT_ROUTE,
                handler=self.delete,
                in_path=DocumentPath,
                parameters=DeleteParameters,
                answer=Published,
                status=ACCEPTED,
                problems=OUTSIDE | TENANT,
                scope=Scope.PUBLISH,
            ),
            Operation(
                method="POST",
                path="/documents",
                handler=self.post,
                lines=(Upsert, Delete),
                example={"type": "upsert", "id": "kb-17", "text": "Hold the button for ten seconds."},
                answer=BulkPublished,
                status=ACCEPTED,
                problems=OUTSIDE | TENANT,
                scope=Scope.PUBLISH,
            ),
        ]

    async def put(self, request: web.Request) -> web.Response:
        """Publish the full state of a document. 202 when Kafka has it on all replicas in sync.

        The id is in the path, percent-encoded; it may hold slashes.
        """
        publisher = self._publisher()
        body = await read_json(request, DocumentBody)
        fields = {"type": "upsert", "id": document_id(request), **body.model_dump(exclude_unset=True)}
        event = self._event(fields, caller_of(request))
        return json_response(Published(token=str(await publisher.publish(event))), status=ACCEPTED)

    async def delete(self, request: web.Request) -> web.Response:
        """Publish the end of a document. 202 when Kafka has it on all replicas in sync."""
        publisher = self._publisher()
        parameters = read_parameters(request, DeleteParameters)
        given = parameters.model_dump(exclude_unset=True)
        event = self._event({"type": "delete", "id": document_id(request), **given}, caller_of(request))
        return json_response(Published(token=str(await publisher.publish(event))), status=ACCEPTED)

    async def post(self, request: web.Request) -> web.Response:
        """Publish many events, one a line, each with its `type`. 202 when Kafka has them on all replicas in sync.

        The body is `application/x-ndjson`, with at most 10,000 events and FRESHET_SEARCH__MAX_BODY_BYTES. All lines are
        checked before any is published: one bad line and none is.
        """
        publisher = self._publisher()
        events = await read_events(request, self._rules, caller_of(request), max_bytes=self._max_bytes)
        answer = _summary(events, await publisher.publish_many(events))
        return json_response(answer, status=ACCEPTED)

    def _event(self, fields: dict[str, Any], caller: Caller) -> Upsert | Delete:
        """The event, judged by the same rules as in the worker. Raises BadEvent, and Problem for another's tenant."""
        event = decode_body(to_json(fields), self._rules, tenant=caller.tenant)
        caller.acts_for(event.tenant)
        return event

    def _publisher(self) -> DocumentPublisher:
        if self._given is None:
            detail = "this service publishes nothing: it was started without Kafka"
            raise Problem(Kind.UNAVAILABLE, detail, headers={"Retry-After": "60"})
        return self._given


def _summary(events: Sequence[Upsert | Delete], tokens: Sequence[FreshnessToken]) -> BulkPublished:
    highest: dict[tuple[str, int], FreshnessToken] = {}
    for token in tokens:
        place = token.topic, token.partition
        highest[place] = max(token, highest.get(place, token))
    upserts = sum(isinstance(event, Upsert) for event in events)
    return BulkPublished(
        accepted=len(events),
        upserts=upserts,
        deletes=len(events) - upserts,
        tokens=[str(token) for _, token in sorted(highest.items())],
    )
