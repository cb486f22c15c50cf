"""What the client raises, in the words of `freshet.schemas.errors`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final

from qdrant_client import models
from qdrant_client.common.client_exceptions import QdrantException, ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from freshet.schemas.errors import DeniedError, OutsideError, OverloadedError, PermanentError, TransientError
from freshet.search.tls import distrust

_RETRY_AFTER: Final = 1.0  # seconds, where the server asks us to wait and does not say how long
_UNREACHABLE: Final = "is Qdrant running at FRESHET_QDRANT__URL?"
_KEY: Final = "check FRESHET_QDRANT__API_KEY"
_CERTIFICATE: Final = "FRESHET_QDRANT__CA_FILE must hold the certificate of whoever signed it"
_NO_COLLECTION: Final = (
    "the collection is made by the worker at its start; check FRESHET_QDRANT__URL and the name of the index"
)
_NO_INDEX: Final = "a worker makes the payload indexes of FRESHET_FIELDS when it starts"
_HINTS: Final = {401: _KEY, 403: f"{_KEY}: a read-only key cannot write", 404: _NO_COLLECTION}
_AGAIN: Final = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY}
_SHOWN: Final = 300  # characters of an answer that is not in Qdrant's own form


@contextmanager
def translated(operation: str) -> Iterator[None]:
    """Raise what the client raises within as TransientError, OverloadedError or PermanentError of `operation`."""
    try:
        yield
    except UnexpectedResponse as error:
        raise _answered(operation, error) from error
    except ResponseHandlingException as error:
        raise _unanswered(operation, error.source) from error
    except ResourceExhaustedResponse as error:
        raise OverloadedError(operation, str(error), retry_after=float(error.retry_after_s)) from error
    except QdrantException as error:  # a Retry-After that the client cannot read, such as a date
        raise OverloadedError(operation, str(error), retry_after=_RETRY_AFTER) from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:  # the client lets these through as they are
        raise _unanswered(operation, error) from error


def demand_completed(operation: str, result: models.UpdateResult) -> None:
    """Raise TransientError unless a write was applied: `acknowledged` and `wait_timeout` come back as success."""
    if result.status != models.UpdateStatus.COMPLETED:
        raise TransientError(operation, f"the write is {result.status.value}, not completed")


def _answered(operation: str, error: UnexpectedResponse) -> OutsideError:
    status, message = error.status_code or 0, _message(error)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return OverloadedError(operation, message, retry_after=_RETRY_AFTER)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _AGAIN:
        return TransientError(operation, message)
    if status in _HINTS:
        return DeniedError(operation, message, hint=_HINTS[status])
    if _qdrants(error) is None and status != HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return DeniedError(operation, message, hint=_UNREACHABLE)  # a proxy's word: no point is at fault
    return PermanentError(operation, message, hint=_NO_INDEX if "No appropriate index" in message else "")


def _unanswered(operation: str, source: Exception) -> OutsideError:
    name = type(source).__name__
    if reason := distrust(source):
        return DeniedError(operation, reason, hint=_CERTIFICATE)
    if isinstance(source, ValueError):  # pydantic's, too
        return TransientError(operation, f"the answer is not one of Qdrant's ({name})", hint=_UNREACHABLE)
    return TransientError(operation, f"{name}: {source}" if str(source) else name, hint=_UNREACHABLE)


def _message(error: UnexpectedResponse) -> str:
    """Qdrant's own sentence; a 401 is plain text, and so may be what a proxy says."""
    message = _qdrants(error)
    if message is None:
        message = error.content.decode(errors="replace").strip()[:_SHOWN]
    return f"{error.status_code} {message or error.reason_phrase}"


def _qdrants(error: UnexpectedResponse) -> str | None:
    """The message of an error body in Qdrant's own form, None for any other body."""
    try:
        message = json.loads(error.content)["status"]["error"]
    except (ValueError, TypeError, KeyError):
        return None
    return str(message)
