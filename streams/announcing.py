"""What a batch tells others once it is written: dead letters with their reasons, changes, and watermarks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, Protocol

from freshet.schemas.errors import DeniedError, PermanentError
from freshet.schemas.feed import Watermark
from freshet.schemas.positions import FreshnessToken
from freshet.schemas.topics import Topics
from freshet.streams.batch import Batch, DeadLetter
from freshet.streams.messages import Message
from freshet.streams.telling import States, Teller

KEPT_BYTES: Final = 100_000  # of what the broker refuses whole; the headers `cut` and `cut-key` tell the lengths


logger = logging.getLogger(__name__)


class Sink(Protocol):
    """Where records go."""

    async def send_all(self, records: Iterable[Message]) -> Sequence[FreshnessToken]:
        """Produce records, in order per partition; returns where they lie when all replicas have them.

        May repeat or leave out any when it raises TransientError or OverloadedError: send them all again.
        """
        ...


class Announcer:
    """Announces batches: first the dead letters and what is reinstated, then the changes, then the watermarks.

    Of a version that is built beside the live one nobody needs to hear what lay in the log when its build began, up to
    the offsets `built_to` of each partition: the live one told it (docs/decisions/announced-from-the-build-on.md).
    `live` tells whether searches use the version now, as far as this process knows.
    """

    def __init__(
        self,
        *,
        sink: Sink,
        index: States,
        topics: Topics,
        version: str,
        incarnation: str | None = None,
        live: Callable[[], bool],
        clock: Callable[[], float],
        built_to: Mapping[int, int] | None = None,
    ) -> None:
        self._sink = sink
        self._teller = Teller(index=index, topics=topics, version=version, incarnation=incarnation, built_to=built_to)
        self._topics = topics
        self._version = version
        self._incarnation = incarnation
        self._live = live
        self._clock = clock

    async def announce(self, batch: Batch) -> None:
        """Produce what the batch has to say. Idempotent in meaning: a repeat says the same again.

        Raises as `Sink`, and as the index, of which it reads what it does not know before it produces anything.
        """
        changes = await self._teller.changes(batch)
        await asyncio.gather(*(self._bury(letter) for letter in batch.dead))
        await asyncio.gather(*(self._reinstate(message) for message in batch.reinstated))
        await self._sink.send_all([*changes, *self._watermarks(batch)])

    async def _reinstate(self, message: Message) -> None:
        try:
            await self._sink.send_all([message])
        except DeniedError:
            raise
        except PermanentError:  # as below: it was compressed, and grew
            origin = dict(message.headers)["origin"].decode()
            logger.exception("cannot keep %s for a rebuild: compaction will lose its document", origin)

    async def _bury(self, letter: DeadLetter) -> None:
        """Keep a dead letter with all its bytes, or with the first of them where the broker takes no more.

        A record that was compressed can be larger than its topic's limit; it must not hold back its neighbours.
        """
        message = self._dead_letter(letter)
        try:
            await self._sink.send_all([message])
        except DeniedError:
            raise
        except PermanentError:
            key, value = message.key or b"", message.value or b""
            lengths = (("cut", str(len(value)).encode()), ("cut-key", str(len(key)).encode()))
            kept = message._replace(key=key[:KEPT_BYTES], value=value[:KEPT_BYTES])
            await self._sink.send_all([kept._replace(headers=(*message.headers, *lengths))])

    def _dead_letter(self, letter: DeadLetter) -> Message:
        record, error = letter.record, letter.error
        origin = FreshnessToken(record.topic, record.partition, record.offset)
        moment = datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="milliseconds")
        headers = {
            "origin": str(origin),
            "reason": error.reason.value,
            "message": str(error)[:1_000],
            "field": error.field,
            "attempts": str(letter.attempts),
            "time": moment,
            "timestamp": str(round(record.timestamp * 1_000)),
        }
        nothing = record.key is None and record.value is None  # which is no record for Kafka's client
        return Message(
            self._topics.dead_letters,
            b"" if nothing else record.key,
            record.value,
            headers=tuple((name, value.encode("utf-8", "replace")) for name, value in headers.items()),
        )

    def _watermarks(self, batch: Batch) -> Iterator[Message]:
        for partition, offset in batch.ends.items():
            mark = Watermark(
                index_version=self._version,
                incarnation=self._incarnation,
                topic=self._topics.documents,
                partition=partition,
                offset=offset,
                live=self._live(),
            )
            yield Message(self._topics.indexed, None, mark.model_dump_json().encode(), partition)
