"""From what a service answers to what a caller may do about it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final, NamedTuple

from pydantic import ValidationError

from freshet.schemas.errors import DeniedError, OutsideError, OverloadedError, PermanentError, TransientError
from freshet.schemas.http import ProblemBody
from freshet.search.retry_after import retry_after

RETRY_SECONDS: Final = 1.0  # where the answer does not say
_LEAST_SECONDS: Final = 0.1
_PATIENCE: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_DENIED: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_REFUSED: Final = HTTPStatus.BAD_GATEWAY  # a part that the service needs has refused what it was asked


class Reply(NamedTuple):
    """An answer, as it came."""

    status: int
    media: str
    retry_after: str | None
    body: bytes

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300

    @property
    def is_problem(self) -> bool:
        return self.media == "application/problem+json"


def error_of(operation: str, reply: Reply) -> OutsideError:
    """The error that an answer is; a problem's own words where it is one."""
    status, problem = reply.status, _problem(reply)
    message = _told(problem) if problem else _phrase(status)
    if status in _PATIENCE:
        wait = retry_after({"retry-after": reply.retry_after or ""})
        seconds = RETRY_SECONDS if wait is None else max(_LEAST_SECONDS, wait)
        return OverloadedError(operation, message, retry_after=seconds, problem=problem)
    if status in _DENIED:
        return DeniedError(operation, message, problem=problem)
    if status == HTTPStatus.REQUEST_TIMEOUT or (status >= 500 and not (status == _REFUSED and problem)):
        return TransientError(operation, message, problem=problem)
    return PermanentError(operation, message, problem=problem)


def _problem(reply: Reply) -> ProblemBody | None:
    try:
        return ProblemBody.model_validate_json(reply.body) if reply.is_problem else None
    except ValidationError:
        return None  # of something between us and the service


def _told(problem: ProblemBody) -> str:
    if len(problem.errors) < 2:
        return problem.detail
    return "; ".join(f"{each.field}: {each.message}" for each in problem.errors)


def _phrase(status: int) -> str:
    try:
        return f"the answer was {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"the answer was {status}"
