"""The route that tells where one document is."""

from __future__ import annotations

from aiohttp import web
from pydantic import ValidationError

from freshet.schemas.access import Scope
from freshet.schemas.explain import DocumentFacts, ExplainParameters
from freshet.schemas.http import DocumentPath
from freshet.search.documents.explaining import Explainer, UnknownDocument
from freshet.search.documents.telling import with_pending
from freshet.search.freshness import Freshness
from freshet.search.http.access import caller_of
from freshet.search.http.answers import json_response
from freshet.search.http.fresh import TAKES, TELLS, longest_wait, read_tokens, watermark
from freshet.search.http.operations import OUTSIDE, TENANT, Operation
from freshet.search.http.options import HttpOptions
from freshet.search.http.problems import Kind, Problem, explain_validation, field_error
from freshet.search.http.requests import DOCUMENT_ROUTE, document_id, read_parameters


class DocumentRoutes:
    """`GET /documents/{id}`."""

    def __init__(self, *, explainer: Explainer, freshness: Freshness, options: HttpOptions) -> None:
        self._explainer = explainer
        self._freshness = freshness
        self._tenants = options.rules.tenants

    def operations(self) -> list[Operation]:
        return [
            Operation(
                method="GET",
                path="/documents/{id}",
                route=DOCUMENT_ROUTE,
                handler=self.get,
                in_path=DocumentPath,
                parameters=ExplainParameters,
                takes=TAKES,
                tells=TELLS,
                answer=DocumentFacts,
                problems=OUTSIDE | TENANT | {Kind.NOT_FOUND},
                scope=Scope.SEARCH,
            )
        ]

    async def get(self, request: web.Request) -> web.Response:
        """Where a document is: since when searches find it and what that took, or why they do not.

        404 where nothing is known of it. The log is looked through from its newest event backwards, and only so far;
        the answer tells how far, and what could not be looked at. Without Kafka it tells what the index knows.
        """
        asked = read_parameters(request, ExplainParameters)
        tenant = self._tenant(caller_of(request).acts_for(asked.tenant))
        tokens = read_tokens(request, asked.fresh_after)
        try:
            named = DocumentPath(id=document_id(request))
            await self._freshness.wait(tokens, seconds=longest_wait(request, asked.wait_ms))
            facts = await self._explainer.explain(named.id, tenant, texts=asked.passages)
        except ValidationError as error:
            raise explain_validation(error) from error
        except UnknownDocument as error:
            raise Problem(Kind.NOT_FOUND, str(error)) from error
        facts = with_pending(facts, self._freshness.pending(tokens, facts.index))
        return json_response(facts, headers=watermark(facts.index))

    def _tenant(self, named: str | None) -> str | None:
        if self._tenants and named is None:
            raise Problem.invalid(field_error("tenant", "tenants are on, so every document is one of a tenant"))
        if not self._tenants and named is not None:
            raise Problem.invalid(field_error("tenant", "tenants are off, so a document has none"))
        return named
