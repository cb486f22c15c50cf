"""Retrying and dropping dead letters, with everything that may go wrong in between."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest

from freshet.schemas.again import Again, Why
from freshet.schemas.decoding import Record
from freshet.schemas.errors import DeniedError, PermanentError, TransientError
from freshet.schemas.positions import FreshnessToken
from freshet.schemas.topics import Topics
from freshet.streams.again import wrap
from freshet.streams.letters import State
from freshet.streams.messages import Message
from freshet.streams.retrying import CUT, GONE, Done, drop, inspect, retry
from tests.unit.streams.letters import LETTERS, Topic, letter_headers

TOPICS = Topics()


def origin(number: int) -> FreshnessToken:
    return FreshnessToken("documents", number % 2, number)


def buried(*numbers: int, attempts: int = 1) -> Topic:
    topic = Topic()
    for number in numbers:
        headers = letter_headers(origin(number), attempts=attempts)
        topic.write([Message(LETTERS, b"k%d" % number, b"v%d" % number, number % 3, headers)])
    return topic


async def retried(topic: Topic, sink: Topic | Flaky | None = None) -> Done:
    chosen = [letter for letter in topic.letters() if letter.state is State.OPEN]
    return await retry(chosen, source=topic, sink=sink or topic, topics=TOPICS, partitions=2, clock=lambda: 5.0)


def states(topic: Topic) -> list[State]:
    return [letter.state for letter in topic.letters()]


class Flaky:
    """Writes to a topic until it is told what to refuse, and then raises the error that it was given."""

    def __init__(self, topic: Topic, error: Exception, *, refuses: str, keys: Sequence[bytes] = ()) -> None:
        self._topic = topic
        self._error = error
        self._refuses = refuses
        self._keys = tuple(keys)

    async def send_all(self, records: Iterable[Message]) -> Sequence[FreshnessToken]:
        records = list(records)
        if any(each.topic == self._refuses and (each.key or b"").startswith(self._keys or b"") for each in records):
            raise self._error
        return await self._topic.send_all(records)


async def test_retried_events_come_out_of_the_again_topic_as_they_were() -> None:
    topic = buried(1, 2, 3, 4, 5, attempts=2)
    done = await retried(topic)
    assert (len(done.letters), done.refused, states(topic)) == (5, [], [State.RETRIED] * 5)
    events = [Record("documents", n % 2, n, 1.0, b"k%d" % n, b"v%d" % n) for n in range(1, 6)]
    assert topic.others == [wrap(event, Again(Why.RETRIED, 2), TOPICS.again) for event in events]


async def test_of_the_letters_in_between_none_is_touched() -> None:
    topic = buried(3, 6, 9, 12)  # all in one partition
    chosen = [topic.letters()[0], topic.letters()[2]]
    await retry(chosen, source=topic, sink=topic, topics=TOPICS, partitions=2, clock=lambda: 5.0)
    assert [message.value for message in topic.others] == [b"v3", b"v9"]
    assert states(topic) == [State.RETRIED, State.OPEN, State.RETRIED, State.OPEN]


async def test_a_crash_before_the_marks_leaves_the_letters_open_and_the_next_retry_says_the_same() -> None:
    topic = buried(1, 2)
    with pytest.raises(TransientError):
        await retried(topic, Flaky(topic, TransientError("write", "away"), refuses=LETTERS))
    assert states(topic) == [State.OPEN] * 2
    first = list(topic.others)
    await retried(topic)
    assert topic.others == first * 2
    assert states(topic) == [State.RETRIED] * 2


async def test_where_the_events_cannot_be_written_nothing_is_marked() -> None:
    topic = buried(1, 2)
    with pytest.raises(TransientError):
        await retried(topic, Flaky(topic, TransientError("write", "away"), refuses=TOPICS.again))
    assert states(topic) == [State.OPEN] * 2


async def test_one_that_the_broker_never_takes_holds_back_no_other() -> None:
    topic = buried(1, 2, 3)
    done = await retried(topic, Flaky(topic, PermanentError("write", "too large"), refuses=TOPICS.again, keys=[b"k2"]))
    assert [(letter.origin, why) for letter, why in done.refused] == [(origin(2), "write: too large")]
    assert states(topic) == [State.RETRIED, State.OPEN, State.RETRIED]


async def test_without_the_right_to_write_it_ends() -> None:
    topic = buried(1)
    with pytest.raises(DeniedError):
        await retried(topic, Flaky(topic, DeniedError("write", "no"), refuses=TOPICS.again))


async def test_what_was_cut_or_comes_from_elsewhere_is_refused_with_the_reason() -> None:
    topic = buried(1)
    whole = topic.letters()[0]
    wrong = [
        replace(whole, cut=True),
        replace(whole, origin=FreshnessToken("others", 0, 1)),
        replace(whole, origin=FreshnessToken("documents", 2, 1)),
    ]
    for done in (
        inspect(wrong, TOPICS, 2),
        await retry(wrong, source=topic, sink=topic, topics=TOPICS, partitions=2, clock=lambda: 5.0),
    ):
        assert [why for _, why in done.refused] == [
            CUT,
            "it does not come from documents",
            "documents.again has only 2 partitions",
        ]
        assert (done.letters, topic.others) == ([], [])


async def test_a_letter_whose_time_ended_meanwhile_is_told() -> None:
    topic = buried(1, 2)
    chosen = topic.letters()
    del topic.records[0]
    done = await retry(chosen, source=topic, sink=topic, topics=TOPICS, partitions=2, clock=lambda: 5.0)
    assert [(letter.origin, why) for letter, why in done.refused] == [(origin(1), GONE)]
    assert [letter.origin for letter in done.letters] == [origin(2)]


async def test_dropped_letters_stay_where_they_are_and_can_be_retried_later() -> None:
    topic = buried(*range(700))
    advances: list[int] = []
    chosen = topic.letters()
    done = await drop(chosen, sink=topic, topics=TOPICS, clock=lambda: 5.0, advance=advances.append)
    assert (len(done.letters), sum(advances), topic.others) == (700, 700, [])
    assert states(topic) == [State.DROPPED] * 700
    await retry(topic.letters()[:1], source=topic, sink=topic, topics=TOPICS, partitions=2, clock=lambda: 5.0)
    assert states(topic) == [State.RETRIED] + [State.DROPPED] * 699
