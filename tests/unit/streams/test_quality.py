"""Answers on their way to Kafka: searches never wait for it, and what it does not take is counted."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

import pytest

from freshet.schemas.errors import TransientError
from freshet.schemas.positions import FreshnessToken
from freshet.schemas.queries import FeedbackRecord, QueryRecord
from freshet.schemas.topics import Topics
from freshet.search.metrics import Recorded
from freshet.streams.messages import Message
from freshet.streams.quality import MOST_BYTES, AnswerLog, JudgementLog
from tests.support.waiting import wait_until

NOW = datetime(2026, 11, 30, tzinfo=UTC)


def answer(number: int, *, document: str = "a") -> QueryRecord:
    return QueryRecord(
        query_id=f"q{number}", time=NOW, index_version="v", mode="hybrid", limit=5, results=[(document, 1)], took_ms=1
    )


class Kafka:
    """A producer that is away, or holds on to what it is given, when it is told so."""

    def __init__(self) -> None:
        self.taken: list[Message] = []
        self.failure: Exception | None = None
        self.tries = 0
        self.open = asyncio.Event()
        self.open.set()

    async def send_all(self, records: Sequence[Message]) -> list[FreshnessToken]:
        self.tries += 1
        await self.open.wait()
        if self.failure is not None:
            raise self.failure
        self.taken += records
        return [FreshnessToken(each.topic, 0, 0) for each in records]

    @property
    def ids(self) -> list[str]:
        return [(each.key or b"").decode() for each in self.taken]


class Kept:
    """A log of answers over a Kafka, and what became of them."""

    def __init__(self, *, room: int = 100) -> None:
        self.kafka = Kafka()
        self.counts: Counter[Recorded] = Counter()
        self.log = AnswerLog(self.kafka, Topics(), counted=self._count, room=room, pause=0.01)

    def _count(self, outcome: Recorded, count: int) -> None:
        self.counts[outcome] += count

    def dropped(self, count: int) -> bool:
        return self.counts[Recorded.DROPPED] == count

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        writing = asyncio.create_task(self.log.run())
        yield
        self.log.stop()
        await asyncio.wait_for(writing, 30)


async def test_answers_are_written_under_their_ids_in_their_order():
    kept = Kept()
    async with kept.running():
        for number in range(300):
            kept.log.put(answer(number))
    assert kept.kafka.ids == [f"q{number}" for number in range(100)]
    (first, *_) = kept.kafka.taken
    assert first.topic == "search.queries"
    assert QueryRecord.model_validate_json(first.value or b"") == answer(0)
    assert kept.counts == {Recorded.WRITTEN: 100, Recorded.DROPPED: 200}


async def test_while_kafka_holds_on_to_some_no_more_wait_than_there_is_room_for():
    kept = Kept(room=10)
    async with kept.running():
        kept.kafka.open.clear()
        kept.log.put(answer(0))
        await wait_until(lambda: kept.kafka.tries == 1, "the first is on its way")
        for number in range(1, 31):
            kept.log.put(answer(number))
        assert kept.counts[Recorded.DROPPED] == 20
        kept.kafka.open.set()
    assert kept.kafka.ids == [f"q{number}" for number in range(11)]
    assert kept.counts == {Recorded.WRITTEN: 11, Recorded.DROPPED: 20}


async def test_what_kafka_does_not_take_is_dropped_and_told_once_and_the_next_is_written(caplog):
    kept = Kept()
    with caplog.at_level(logging.WARNING):
        async with kept.running():
            kept.kafka.failure = TransientError("write to Kafka", "no broker answers")
            for number in range(3):
                kept.log.put(answer(number))
                await wait_until(partial(kept.dropped, number + 1))
            kept.kafka.failure = None
            kept.log.put(answer(3))
    assert kept.kafka.ids == ["q3"]
    assert [record.getMessage() for record in caplog.records] == [
        "answers are not recorded in search.queries: write to Kafka: no broker answers",
        "answers are recorded in search.queries again",
    ]
    assert not any(record.exc_info for record in caplog.records)


async def test_what_nobody_foresaw_ends_no_recording_and_is_logged_whole(caplog):
    kept = Kept()
    async with kept.running():
        kept.kafka.failure = RuntimeError("a bug")
        kept.log.put(answer(0))
        await wait_until(lambda: kept.counts[Recorded.DROPPED] == 1)
        kept.kafka.failure = None
        kept.log.put(answer(1))
    assert kept.kafka.ids == ["q1"]
    assert caplog.records[0].exc_info


async def test_an_answer_that_no_broker_would_take_takes_no_other_with_it():
    kept = Kept()
    async with kept.running():
        kept.log.put(answer(0))
        kept.log.put(answer(1, document="a" * MOST_BYTES))
        kept.log.put(answer(2))
    assert kept.kafka.ids == ["q0", "q2"]
    assert kept.counts == {Recorded.WRITTEN: 2, Recorded.DROPPED: 1}


async def test_an_end_while_kafka_is_away_drops_what_waits_at_the_first_failure():
    kept = Kept()
    async with kept.running():
        kept.kafka.failure = TransientError("write to Kafka", "no broker answers")
        kept.kafka.open.clear()
        kept.log.put(answer(0))
        await wait_until(lambda: kept.kafka.tries == 1, "the first is on its way")
        kept.log.put(answer(1))
        kept.log.stop()
        kept.kafka.open.set()
    assert kept.kafka.tries == 1
    assert kept.counts[Recorded.DROPPED] == 2


async def test_a_judgement_is_written_at_once_and_a_failure_is_told():
    kafka = Kafka()
    said = FeedbackRecord(query_id="q1", time=NOW, id="a", score=0.5)
    await JudgementLog(kafka, Topics()).judge(said)
    (message,) = kafka.taken
    assert (message.topic, message.key) == ("search.feedback", b"q1")
    assert FeedbackRecord.model_validate_json(message.value or b"") == said
    kafka.failure = TransientError("write to Kafka", "no broker answers")
    with pytest.raises(TransientError):
        await JudgementLog(kafka, Topics()).judge(said)
