"""Every error as RFC 9457 has it: `application/problem+json` with a stable type, and the fields at fault.

https://www.rfc-editor.org/rfc/rfc9457
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Final

from aiohttp import web
from pydantic import ValidationError

from freshet.schemas.decoding import BadEvent
from freshet.schemas.errors import FreshetError, MisfitError, OverloadedError, PermanentError, TransientError
from freshet.schemas.filters import place
from freshet.schemas.http import FieldError, ProblemBody
from freshet.search.asking import InvalidSearch
from freshet.search.http.logs import speakable
from freshet.search.load import ShedError

MAX_ERRORS: Final = 20
_MAX_FIELD_CHARACTERS: Final = 200
_RETRY_SECONDS: Final = 1
_MISFIT_SECONDS: Final = 10  # somebody has to do something first

logger = logging.getLogger(__name__)


class Kind(Enum):
    """Status, last part of the type, and title of each problem."""

    BAD_REQUEST = 400, "bad-request", "The request cannot be read"
    INVALID_JSON = 400, "invalid-json", "The body is not JSON"
    NO_KEY = 401, "no-key", "This takes a key"
    FOREIGN_ORIGIN = 403, "foreign-origin", "Pages of other origins may not ask here"
    FOREIGN_TENANT = 403, "foreign-tenant", "The key acts for another tenant"
    MISSING_SCOPE = 403, "missing-scope", "The key is not for this"
    NOT_FOUND = 404, "not-found", "There is nothing here"
    METHOD_NOT_ALLOWED = 405, "method-not-allowed", "This is asked with another method"
    SLOW_REQUEST = 408, "slow-request", "The request did not arrive in time"
    TOO_LARGE = 413, "too-large", "The request is too large"
    UNSUPPORTED_MEDIA_TYPE = 415, "unsupported-media-type", "The body has the wrong content type"
    FOREIGN_HOST = 421, "foreign-host", "This service does not go by that name"
    INVALID_REQUEST = 422, "invalid-request", "The request is not valid"
    TOO_MANY_REQUESTS = 429, "too-many-requests", "The key is used too often"
    INTERNAL = 500, "internal", "Something went wrong here"
    REFUSED = 502, "refused", "A part that this needs has refused it"
    OVERLOADED = 503, "overloaded", "There is too much to do at the moment"
    UNAVAILABLE = 503, "unavailable", "A part that this needs is away"
    DEADLINE = 504, "deadline", "This took too long"

    def __init__(self, status: int, slug: str, title: str) -> None:
        self.status = status
        self.type = f"/problems/{slug}"
        self.title = title


_BY_STATUS: Final = {kind.status: kind for kind in Kind} | {400: Kind.BAD_REQUEST, 503: Kind.UNAVAILABLE}


class Problem(FreshetError):  # noqa: N818 (the RFC's word)
    """An error that is answered as it stands."""

    def __init__(
        self, kind: Kind, detail: str, *, errors: Sequence[FieldError] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(kind, detail)
        self.kind = kind
        self.detail = detail
        self.errors = list(errors)
        self.headers = dict(headers or {})

    @classmethod
    def invalid(cls, *errors: FieldError) -> Problem:
        """A 422 that says what is wrong with which field."""
        first = errors[0]
        return cls(Kind.INVALID_REQUEST, f"{first.field}: {first.message}", errors=errors)

    def response(self, request_id: str) -> web.Response:
        body = ProblemBody(
            type=self.kind.type,
            title=self.kind.title,
            status=self.kind.status,
            detail=self.detail,
            errors=self.errors,
            request_id=request_id,
        )
        return web.Response(
            status=self.kind.status,
            text=body.model_dump_json(),
            content_type="application/problem+json",
            headers=self.headers,
        )


def field_error(field: str, message: str, line: int | None = None) -> FieldError:
    """A mistake; the field's name may come from whoever asks, so it is cut to a length fit to print."""
    return FieldError(field=field[:_MAX_FIELD_CHARACTERS], message=message, line=line)


def explain_validation(error: ValidationError, *, names: Mapping[str, str] | None = None) -> Problem:
    """Pydantic's complaints; `names` are those that the request has for fields that the model calls otherwise."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    if found[0]["type"] == "json_invalid":
        return Problem(Kind.INVALID_JSON, found[0]["msg"])
    errors = []
    for each in found[:MAX_ERRORS]:
        first, *rest = each["loc"] or ("body",)
        field = place([(names or {}).get(str(first), first), *rest])
        errors.append(field_error(field, each["msg"].removeprefix("Value error, ")))
    return Problem.invalid(*errors)


def explain(
    error: Exception, *, request_id: str, late: bool = False, unread: bool = False, unspoken: str = ""
) -> Problem:
    """What to answer when a handler raised.

    `late` when it was our own deadline that ended it, `unread` when the body had not arrived by then. What goes to the
    log holds no word of `unspoken`.
    """
    match error:
        case Problem():
            problem = error
        case web.HTTPException():
            problem = _http(error)
        case InvalidSearch() | BadEvent():
            problem = Problem.invalid(field_error(error.field or "body", error.message))
        case PermanentError():
            _log("request refused", "request_refused", speakable(error, unspoken), request_id)
            detail = f"could not {error.operation}; the service's log tells more, under the request id"
            problem = Problem(Kind.REFUSED, detail)
        case TransientError() | OverloadedError():
            problem = _later(error)
        case MisfitError():
            detail = "the live version of the index is one that this service is not set up for; /readyz tells more"
            problem = Problem(Kind.UNAVAILABLE, detail, headers={"Retry-After": str(_MISFIT_SECONDS)})
        case web.RequestPayloadError():
            problem = Problem(Kind.BAD_REQUEST, "the body ended early, or is not encoded as its headers say")
        case TimeoutError() if late and unread:
            problem = Problem(Kind.SLOW_REQUEST, "the body did not arrive before the deadline")
        case TimeoutError() if late:
            problem = Problem(Kind.DEADLINE, "no answer before the deadline")
        case _:
            _log("request failed", "request_failed", speakable(error, unspoken), request_id)
            problem = Problem(Kind.INTERNAL, "the service's log tells more, under the request id")
    return problem


def _log(message: str, action: str, error: BaseException, request_id: str) -> None:
    logger.error(message, exc_info=error, extra={"action": action, "request_id": request_id})


def _later(error: TransientError | OverloadedError) -> Problem:
    wait = error.retry_after if isinstance(error, OverloadedError) else _RETRY_SECONDS
    headers = {"Retry-After": str(max(1, math.ceil(wait)))}
    if isinstance(error, ShedError):
        return Problem(Kind.OVERLOADED, f"{error.message}; try again later", headers=headers)
    return Problem(Kind.UNAVAILABLE, f"could not {error.operation}; try again later", headers=headers)


def _http(error: web.HTTPException) -> Problem:
    """An error of the framework's own: no such route, no such method, body too large."""
    kind = _BY_STATUS.get(error.status, Kind.BAD_REQUEST if error.status < 500 else Kind.INTERNAL)
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return Problem(kind, f"{error.method} is not allowed here, {allowed} is", headers={"Allow": allowed})
    details = {Kind.NOT_FOUND: "no such path", Kind.TOO_LARGE: "the body is larger than the service takes"}
    return Problem(kind, details.get(kind, error.reason))
