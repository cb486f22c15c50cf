"""Why Kafka lets us not in: aiokafka's clients log the reason and go on with the next address, again and again."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Final

from aiokafka import errors as kafka
from aiokafka.conn import AIOKafkaConnection, create_conn
from aiokafka.protocol.metadata import MetadataRequest

from freshet.schemas.errors import DeniedError, OutsideError, TransientError
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.errors import kafka_errors
from freshet.streams.kafka.security import KafkaSecurity

KNOCK_SECONDS: Final = 1.0  # at all addresses at once: whoever waits has waited long already
Reason = tuple[str, str]  # what is wrong, and what to look at
CREDENTIALS: Final = "check FRESHET_KAFKA__USERNAME and FRESHET_KAFKA__PASSWORD"
MECHANISM: Final = "check FRESHET_KAFKA__SASL_MECHANISM"
PROTOCOL: Final = "check FRESHET_KAFKA__SECURITY_PROTOCOL and the port"
OUR_CERTIFICATE: Final = "check FRESHET_KAFKA__CERTIFICATE_FILE and FRESHET_KAFKA__KEY_FILE"
ITS_CERTIFICATE: Final = "FRESHET_KAFKA__CA_FILE must hold the certificate of whoever signed it"
ITS_NAME: Final = "FRESHET_KAFKA__BOOTSTRAP_SERVERS must use a name that is in it"
_LOGIN_REFUSED: Final = (kafka.AuthenticationFailedError, kafka.SaslAuthenticationFailed)
_OTHER_MECHANISM: Final = (kafka.UnsupportedSaslMechanismError, kafka.AuthenticationMethodNotSupported)
_WRONG_NAME: Final = (62, 63, 64)  # OpenSSL: the certificate is for another host, e-mail address, IP address
_NO_TLS: Final = ("WRONG_VERSION_NUMBER", "UNEXPECTED_MESSAGE", "RECORD_LAYER_FAILURE")
_TLS_ALERT: Final = b"\x15\x03"


@asynccontextmanager
async def connecting(connection: KafkaConnection) -> AsyncIterator[None]:
    """Raise what aiokafka raises inside, while it connects, as one of our kinds.

    DeniedError with the reason where the brokers refuse us, or where we do not believe them.
    """
    operation = f"connect to Kafka at {connection.bootstrap_servers}"
    try:
        with kafka_errors(operation):
            yield
    except TransientError as error:
        if refusal := await _refusal(connection, operation):
            raise refusal from error
        raise


async def _refusal(connection: KafkaConnection, operation: str) -> OutsideError | None:
    """Why the brokers refuse us and what to look at; None where they do not, or cannot be reached."""
    addresses = connection.addresses
    errors = await asyncio.gather(*(_heard(connection, address) for address in addresses))
    for address, error in zip(addresses, errors, strict=True):
        if error and (reason := _reason(connection.security, error)):
            return DeniedError(operation, reason[0], hint=reason[1])
        # A connection that is cut says nothing for sure: so do brokers and proxies that are going down.
        if connection.security.encrypted and isinstance(error, ConnectionResetError | ssl.SSLEOFError):
            return TransientError(operation, f"{address} hangs up instead of speaking TLS", hint=PROTOCOL)
        if isinstance(error, _SilentlyClosedError) and not connection.security.authenticated:
            return TransientError(operation, f"{address} hangs up on us, as listeners do that want SASL", hint=PROTOCOL)
    return None


async def _heard(connection: KafkaConnection, address: str) -> Exception | None:
    """What goes wrong at an address, as aiokafka raises it."""
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(KNOCK_SECONDS):
            await _knock(connection, host, int(port))
    except (kafka.KafkaError, OSError, TimeoutError, EOFError) as error:
        return error
    return None


class _SilentlyClosedError(kafka.KafkaConnectionError):
    """It answered what it answers everybody, and hung up on the first real question."""


async def _knock(connection: KafkaConnection, host: str, port: int) -> None:
    options = connection.options()
    del options["bootstrap_servers"]
    opened: AIOKafkaConnection = await create_conn(host.strip("[]"), port, **options)
    try:
        await opened.send(MetadataRequest([]))
    except kafka.KafkaConnectionError as error:
        raise _SilentlyClosedError(str(error)) from error
    finally:
        opened.close()


def _reason(security: KafkaSecurity, error: BaseException) -> Reason | None:
    for each in _chain(error):
        if reason := _of_tls(each) or _of_sasl(security, each):
            return reason
    return None


def _of_tls(error: BaseException) -> Reason | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        hint = ITS_NAME if error.verify_code in _WRONG_NAME else ITS_CERTIFICATE
        return f"its certificate is not to be trusted: {error.verify_message.rstrip('.')}", hint
    if isinstance(error, asyncio.IncompleteReadError):
        return ("the listener speaks TLS, and we do not", PROTOCOL) if _is_alert(error) else None
    code = (error.reason or "") if isinstance(error, ssl.SSLError) else ""
    if code in _NO_TLS:
        return "the listener does not speak TLS", PROTOCOL
    if "ALERT" in code:
        words = code.rpartition("ALERT_")[2].replace("_", " ").lower()
        return f"the broker refuses the TLS connection: {words}", OUR_CERTIFICATE
    return None


def _of_sasl(security: KafkaSecurity, error: BaseException) -> Reason | None:
    if isinstance(error, _LOGIN_REFUSED):
        return f"{security.user} is refused: {_said(error)}", CREDENTIALS
    if isinstance(error, _OTHER_MECHANISM):
        return f"the listener does not take {security.mechanism}", MECHANISM
    if isinstance(error, kafka.IllegalSaslStateError):
        return "the listener does not speak SASL", PROTOCOL
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _is_alert(error: asyncio.IncompleteReadError) -> bool:
    """Whether an alert of TLS was taken for the length of an answer."""
    return (error.expected or 0).to_bytes(8, "big")[4:6] == _TLS_ALERT


def _said(error: BaseException) -> str:
    told = str(error.args[0]) if error.args and error.args[0] else "wrong user or password"
    return told.rstrip(".")
