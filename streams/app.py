"""The Faust application, and the channels between its stages."""

from __future__ import annotations

import logging
from typing import Any, Final

import faust
from faust.auth import Credentials, OAuthCredentials, SASLCredentials, SSLCredentials
from mode.utils.queues import FlowControlEvent, ThrowableQueue

from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.security import OAUTH, KafkaSecurity

SESSION_SECONDS: Final = 10.0
App = faust.App  # for those who hold an app without knowing Faust


class Pipe(faust.Channel[Any]):
    """A bounded channel with one reader, which waits for nobody to subscribe and is never cleared.

    Faust's own channel drops what is put before an agent listens, and empties its buffer at every rebalance of Faust's
    consumer. Here all clones share one queue with a flow control of its own; a full queue is the back-pressure.
    """

    def __init__(self, app: App, *, maxsize: int = 1, queue: ThrowableQueue[Any] | None = None, **options: Any) -> None:
        if queue is None:
            queue = ThrowableQueue(maxsize=maxsize, flow_control=FlowControlEvent(initially_suspended=False))
        super().__init__(app, maxsize=maxsize, queue=queue, **options)
        self._shared = queue

    def _clone_args(self) -> dict[str, Any]:
        return {**super()._clone_args(), "queue": self._shared}

    async def put(self, value: Any) -> None:
        """Add an item; waits while the channel is full."""
        await self._shared.put(value)


class Documents(Pipe):
    """The `documents` channel: batches of records, filled by the consumer of the documents topic."""


def build_app(*, name: str, connection: KafkaConnection, folder: str) -> App:
    """An app that owns neither the process, its signals, its log nor a web server; it ends when it is told to."""
    app = faust.App(
        name,
        broker=[f"kafka://{address}" for address in connection.addresses],
        broker_credentials=_credentials(connection.security),
        store="memory://",
        datadir=folder,  # Faust makes one whatever the store, by default where the process was started
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        # Faust would otherwise wait for streams that are idle by nature, for as long as somebody publishes.
        stream_wait_empty=False,
        # What is left of a killed worker bars its successor for so long.
        broker_session_timeout=SESSION_SECONDS,
        broker_heartbeat_interval=SESSION_SECONDS / 5,
        producer_acks=-1,
    )
    logging.getLogger("faust").setLevel(logging.WARNING)
    logging.getLogger("mode").setLevel(logging.WARNING)
    return app


def _credentials(security: KafkaSecurity) -> Credentials | None:
    """What the clients of aiokafka are given, in Faust's form; Faust makes its own clients."""
    given = security.options()
    context = given["ssl_context"]
    if not security.authenticated:
        return SSLCredentials(context) if security.encrypted else None
    if security.mechanism == OAUTH:
        return OAuthCredentials(oauth_cb=given["sasl_oauth_token_provider"], ssl_context=context)
    return SASLCredentials(
        username=security.username, password=security.password, ssl_context=context, mechanism=security.mechanism
    )
