"""Publishing documents from upstream code."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, NamedTuple, Self

from pydantic_core import PydanticSerializationError

from freshet.schemas.decoding import BadEvent, Reason, Record, Rules, decode, decode_body
from freshet.schemas.errors import NotSearchableError
from freshet.schemas.events import BODY, Delete, Upsert
from freshet.schemas.keys import document_key
from freshet.schemas.positions import FreshnessToken, Order
from freshet.schemas.topics import Topics
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.producer import KafkaProducer
from freshet.streams.kafka.security import KafkaSecurity
from freshet.streams.messages import Message

AnyEvent = Upsert | Delete | Mapping[str, Any]


class Prepared(NamedTuple):
    """A valid event as it goes to Kafka."""

    key: bytes
    value: bytes | None


def prepare(event: AnyEvent, rules: Rules) -> Prepared:
    """Key and value of an event, judged as the worker will judge it. Raises BadEvent."""
    value = _encode(event)
    body = decode_body(value, rules)
    return Prepared(document_key(body.id, body.tenant).encode(), value)


def prepare_tombstone(document_id: str, tenant: str | None, rules: Rules) -> Prepared:
    """A null value, which ends a document as a delete does. Raises BadEvent."""
    key = prepare(_event("delete", document_id, 0, tenant, None), rules).key
    decode(Record("", 0, 0, 0.0, key, None), rules)
    return Prepared(key, None)


def _encode(event: AnyEvent) -> bytes:
    try:
        if isinstance(event, Upsert | Delete):
            return BODY.dump_json(event, exclude_none=True)
        return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
    except (UnicodeEncodeError, PydanticSerializationError) as error:
        raise BadEvent(Reason.NOT_UTF8, "the event holds text that is not Unicode") from error
    except (TypeError, ValueError, RecursionError) as error:
        raise BadEvent(Reason.NOT_JSON, f"the event cannot be written as JSON: {error}") from error


class Publisher:
    """Publishes events to the documents topic:

        async with Publisher("kafka:9092") as publisher:
            token = await publisher.upsert("kb-17", "The text.", title="A title", metadata={"lang": "en"})

    One idempotent producer, partitioned as Java clients do it; safe to use from many tasks of one event loop. Each
    event is checked before it is sent (BadEvent), and each call returns when Kafka has it, with the freshness token for
    a search that must see it. TransientError means that the event may or may not be written: publish it again, which
    does no harm. `tenants`, `order` and `max_event_bytes` must be what the worker is set to.
    `security` tells how Kafka is reached, where it is not in plain text.
    """

    def __init__(
        self,
        bootstrap_servers: str = "127.0.0.1:9092",
        *,
        topic: str = "documents",
        tenants: bool = False,
        order: Order | str = Order.LOG,
        max_event_bytes: int = 1_000_000,
        client_id: str = "freshet-publisher",
        timeout: float = 30.0,
        security: KafkaSecurity | None = None,
    ) -> None:
        self.rules = Rules(tenants=tenants, order=Order(order), max_bytes=max_event_bytes)
        self.topic = topic
        self._connection = KafkaConnection(bootstrap_servers, client_id, timeout, security or KafkaSecurity())
        self._producer = KafkaProducer(self._connection)

    @classmethod
    def over(cls, connection: KafkaConnection, *, topic: str, rules: Rules) -> Self:
        """A publisher over a connection that is configured elsewhere."""
        publisher = cls(topic=topic)
        publisher.rules = rules
        publisher._connection = connection
        publisher._producer = KafkaProducer(connection)
        return publisher

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Connect. Raises TransientError where Kafka cannot be reached, DeniedError where it refuses us."""
        await self._producer.start()

    async def stop(self) -> None:
        """Wait for events on their way, and disconnect."""
        await self._producer.stop()

    async def publish(self, event: AnyEvent) -> FreshnessToken:
        """Publish one event and return where it lies. A mapping is an event as JSON has it, with its `type`."""
        return (await self.publish_many([event]))[0]

    async def publish_many(self, events: Iterable[AnyEvent]) -> list[FreshnessToken]:
        """Publish events in their order, many at a time, and return where each lies.

        All are checked before the first is sent. When this raises anything but BadEvent, some may be written.
        """
        return await self.send([prepare(event, self.rules) for event in events])

    async def upsert(
        self,
        id: str,  # noqa: A002 (the contract's own name)
        text: str,
        *,
        title: str = "",
        metadata: Mapping[str, Any] | None = None,
        version: int | None = None,
        tenant: str | None = None,
        occurred_at: datetime | None = None,
    ) -> FreshnessToken:
        """Publish the full state of a document, whatever it was before."""
        body = {"text": text, "title": title, "metadata": dict(metadata or {})}
        return await self.publish(_event("upsert", id, version, tenant, occurred_at) | body)

    async def delete(
        self,
        id: str,  # noqa: A002
        *,
        version: int | None = None,
        tenant: str | None = None,
        occurred_at: datetime | None = None,
    ) -> FreshnessToken:
        """Publish the end of a document."""
        return await self.publish(_event("delete", id, version, tenant, occurred_at))

    async def tombstone(self, id: str, *, tenant: str | None = None) -> FreshnessToken:  # noqa: A002
        """Publish a null value: the end of a document, which compaction forgets in time."""
        return (await self.send([prepare_tombstone(id, tenant, self.rules)]))[0]

    async def send(self, prepared: Iterable[Prepared]) -> list[FreshnessToken]:
        """Publish what `prepare` made, as `publish_many` does."""
        return await self._producer.send_all(Message(self.topic, key, value) for key, value in prepared)

    async def wait_searchable(self, *tokens: FreshnessToken | str, timeout: float = 30.0) -> float:
        """Wait until searches find what these events say; returns the seconds that it took.

        Raises NotSearchableError after `timeout` seconds, ValueError for what is no token of this topic, TransientError
        where Kafka cannot be reached, and DeniedError without the right to read the change feed. While another index
        version is put live it may speak of the one before; a search that carries the token is exact.
        """
        from freshet.streams.kafka.reader import KafkaReader
        from freshet.streams.searchable import wait_searchable

        began, wanted = time.monotonic(), dict[int, int]()
        for token in map(self._own, tokens):
            wanted[token.partition] = max(token.offset, wanted.get(token.partition, -1))
        if not wanted:
            return 0.0
        try:
            async with (
                asyncio.timeout(timeout),
                KafkaReader(self._connection, Topics(self.topic).indexed) as feed,
            ):
                await wait_searchable(feed, wanted)
        except TimeoutError as error:
            what = f"{tokens[0]} was" if len(tokens) == 1 else f"{len(tokens)} events were"
            hint = "is a worker running? freshet lag tells"
            raise NotSearchableError(f"{what} not searchable within {timeout:g} s ({hint})") from error
        return time.monotonic() - began

    def _own(self, token: FreshnessToken | str) -> FreshnessToken:
        token = FreshnessToken.parse(token) if isinstance(token, str) else token
        if token.topic != self.topic:
            raise ValueError(f"{token} is of another topic than {self.topic}")
        return token


def _event(
    kind: str, document_id: str, version: int | None, tenant: str | None, occurred_at: datetime | None
) -> dict[str, Any]:
    given = {
        "type": kind,
        "id": document_id,
        "version": version,
        "tenant": tenant,
        "occurred_at": occurred_at.isoformat() if occurred_at else None,
    }
    return {name: value for name, value in given.items() if value is not None}
