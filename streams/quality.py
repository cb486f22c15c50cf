"""What search tells of its quality, on its way to Kafka: answers in the background, judgements at once."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from freshet.schemas.errors import OutsideError
from freshet.schemas.positions import FreshnessToken
from freshet.schemas.queries import FeedbackRecord, QueryRecord
from freshet.schemas.topics import Topics
from freshet.search.metrics import Recorded
from freshet.streams.messages import Message

ROOM: Final = 2_000  # answers that wait; with the usual ten results each they take some MB
AT_ONCE: Final = 200
MOST_BYTES: Final = 500_000  # of a record, half of what brokers take as they come
PAUSE_SECONDS: Final = 1.0  # after a failure

logger = logging.getLogger(__name__)


class Producer(Protocol):
    """What writes to Kafka; see `freshet.streams.kafka.producer.KafkaProducer`."""

    async def send_all(self, records: Sequence[Message]) -> list[FreshnessToken]: ...


class AnswerLog:
    """`QueryLog` over `search.queries`: a buffer that `run` empties.

    What finds no room, and what Kafka does not take, is dropped and counted: a search is never the worse for it. A
    record that was dropped may be written all the same.
    """

    def __init__(
        self,
        producer: Producer,
        topics: Topics,
        *,
        counted: Callable[[Recorded, int], None],
        room: int = ROOM,
        pause: float = PAUSE_SECONDS,
    ) -> None:
        self._producer = producer
        self._topic = topics.queries
        self._counted = counted
        self._room = room
        self._pause = pause
        self._waiting: deque[QueryRecord] = deque()
        self._some = asyncio.Event()
        self._failing = False
        self._ending = False

    def put(self, record: QueryRecord) -> None:
        """As `QueryLog.put`."""
        if len(self._waiting) >= self._room:
            self._counted(Recorded.DROPPED, 1)
            return
        self._waiting.append(record)
        self._some.set()

    async def run(self) -> None:
        """Write until `stop` is called."""
        while not self._ending or self._waiting:
            await self._some.wait()
            if self._waiting and not await self._write():
                if self._ending:
                    break
                await asyncio.sleep(self._pause)
        self._counted(Recorded.DROPPED, len(self._waiting))

    def stop(self) -> None:
        """Let `run` write what still waits, if Kafka takes it, and end."""
        self._ending = True
        self._some.set()

    async def _write(self) -> bool:
        """Write the oldest that wait; whether Kafka took them."""
        taken = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
        if not self._waiting and not self._ending:
            self._some.clear()
        written = 0
        try:
            messages = [_message(self._topic, each) for each in taken]
            fit = [each for each in messages if len(each.value or b"") <= MOST_BYTES]
            await self._producer.send_all(fit)
            written = len(fit)
        except Exception as error:  # noqa: BLE001 (whatever it is, searches go on, and the next try may go well)
            self._lost(error)
            return False
        finally:
            self._counted(Recorded.WRITTEN, written)
            self._counted(Recorded.DROPPED, len(taken) - written)
        self._found()
        return True

    def _lost(self, error: Exception) -> None:
        if not self._failing:
            told = "answers are not recorded in %s: %s"
            logger.warning(told, self._topic, error, exc_info=not isinstance(error, OutsideError))
            self._failing = True

    def _found(self) -> None:
        if self._failing:
            logger.warning("answers are recorded in %s again", self._topic)
            self._failing = False


class JudgementLog:
    """`FeedbackLog` over `search.feedback`."""

    def __init__(self, producer: Producer, topics: Topics) -> None:
        self._producer = producer
        self._topic = topics.feedback

    async def judge(self, record: FeedbackRecord) -> None:
        """As `FeedbackLog.judge`."""
        await self._producer.send_all([_message(self._topic, record)])


def _message(topic: str, record: QueryRecord | FeedbackRecord) -> Message:
    return Message(topic, record.query_id.encode(), record.model_dump_json().encode())
