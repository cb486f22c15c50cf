"""aiokafka's errors as ours: transient, overloaded or permanent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from aiokafka import errors as kafka

from freshet.schemas.errors import DeniedError, OutsideError, OverloadedError, PermanentError, TransientError

THROTTLED_SECONDS: Final = 1.0  # aiokafka drops the broker's own figure

_REFUSED: Final = (
    kafka.AuthenticationFailedError,
    kafka.AuthenticationMethodNotSupported,
    kafka.SaslAuthenticationFailed,
    kafka.UnsupportedSaslMechanismError,
)
_FORBIDDEN: Final = (
    kafka.TopicAuthorizationFailedError,
    kafka.GroupAuthorizationFailedError,
    kafka.ClusterAuthorizationFailedError,
    kafka.TransactionalIdAuthorizationFailed,
)
_Kinds = type[BaseException] | tuple[type[BaseException], ...]
_DENIED: Final[tuple[tuple[_Kinds, str], ...]] = (
    (_REFUSED, "check the user and its password"),
    (_FORBIDDEN, "check the ACLs of this user; docs/security.md lists what is needed"),
)
_TOO_LARGE: Final = (kafka.MessageSizeTooLargeError, kafka.RecordListTooLargeError, kafka.RecordTooLargeError)
_WRONG: Final = (
    kafka.InvalidTopicError,
    kafka.InvalidConfigurationError,
    kafka.InvalidPartitionsError,
    kafka.InvalidReplicationFactorError,
    kafka.InvalidReplicationAssignmentError,
    kafka.InvalidRequestError,
    kafka.InvalidTimestampError,
    kafka.InvalidGroupIdError,
    kafka.InvalidRequiredAcksError,
    kafka.PolicyViolationError,
    kafka.UnsupportedVersionError,
    kafka.IncompatibleBrokerVersion,
)


_PERMANENT: Final[tuple[tuple[_Kinds, str], ...]] = (
    (_TOO_LARGE, "raise max.message.bytes of the topic or send less"),
    (_WRONG, ""),
    (kafka.InvalidSessionTimeoutError, "FRESHET_WORKER__SESSION_SECONDS must suit the broker, which wants 6 or more"),
)


def outside_error(operation: str, error: BaseException) -> OutsideError:
    """The error for `operation`. What is not known to be permanent is transient: nothing may be given up by mistake."""
    message = _words(error)
    for kinds, hint in _DENIED:
        if isinstance(error, kinds):
            return DeniedError(operation, message, hint=hint)
    for kinds, hint in _PERMANENT:
        if isinstance(error, kinds):
            return PermanentError(operation, message, hint=hint)
    if isinstance(error, kafka.QuotaViolationError):
        return OverloadedError(operation, message, retry_after=THROTTLED_SECONDS)
    if isinstance(error, kafka.UnknownTopicOrPartitionError):
        return TransientError(operation, message, hint="create the topics with: freshet topics create")
    if isinstance(error, kafka.KafkaConnectionError) and "bootstrap" in message:
        return TransientError(operation, "no broker answers", hint="is it running, and is that its address?")
    return TransientError(operation, message)


def _words(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, UnicodeDecodeError):
        return "a record has a header whose name is not UTF-8, and nothing behind it can be read"
    if isinstance(error, kafka.BrokerResponseError) and not error.args:
        return f"{type(error).__name__}: {error.description}"
    return str(error) or type(error).__name__


_RAISED: Final = (
    kafka.KafkaError,
    kafka.IllegalOperation,
    kafka.ConsumerStoppedError,
    OSError,
    TimeoutError,
    UnicodeDecodeError,
)


@contextmanager
def kafka_errors(operation: str) -> Iterator[None]:
    """Raise what aiokafka raises inside as one of our three kinds, with the cause."""
    try:
        yield
    except _RAISED as error:
        raise outside_error(operation, error) from error
