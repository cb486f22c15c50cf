"""What is decoded of a record that came again depends on where it lies itself, not on where it came from."""

from dataclasses import replace

import pytest

from freshet.schemas.again import Again, Why
from freshet.schemas.decoding import Record, Rules
from freshet.schemas.positions import Rank
from freshet.schemas.topics import Topics
from freshet.streams.again import wrap
from freshet.streams.batch import Batch
from freshet.streams.decode import decode_batch
from tests.unit.streams.test_both_topics import arrived

TOPICS = Topics()
ORIGINAL = Record(TOPICS.documents, 0, 700, 1.0, b"a", b'{"type": "upsert", "id": "a", "text": "x"}')


def decoded(why: Why, *, at: int) -> Again:
    batch = Batch((ORIGINAL, arrived(wrap(ORIGINAL, Again(why), TOPICS.again), at)), {}, {}, 0)
    decode_batch(batch, Rules(), TOPICS, lambda record: record.topic == TOPICS.again and record.offset < 5)
    first, second = batch.events["a"]
    assert (first.offset, first.again, second.offset) == (700, None, 700)
    assert second.again is not None
    return second.again


@pytest.mark.parametrize("why", [each for each in Why if each is not Why.REMOVED])
def test_what_was_asked_of_versions_that_were_there_is_not_asked_of_one_that_is_built_later(why: Why) -> None:
    assert not decoded(why, at=4).forced
    assert decoded(why, at=5).forced == (why in {Why.HEALED, Why.REPROCESSED})


def test_why_it_came_again_is_known_all_the_same() -> None:
    assert decoded(Why.HEALED, at=4) == Again(Why.HEALED, earlier=True)


def test_who_hands_on_such_an_event_does_not_say_that_it_was_earlier() -> None:
    """It is told by where a record lies, and that is another place."""
    assert wrap(ORIGINAL, Again(Why.RETRIED, earlier=True), TOPICS.again) == wrap(
        ORIGINAL, Again(Why.RETRIED), TOPICS.again
    )


def test_what_is_removed_is_no_event_and_what_takes_its_place_is_one() -> None:
    removed = wrap(replace(ORIGINAL, value=None), Again(Why.REMOVED, displaces=Rank(0, 9)), TOPICS.again)
    healed = wrap(ORIGINAL, Again(Why.HEALED, displaces=Rank(0, 9)), TOPICS.again)
    batch = Batch((arrived(removed, 1), arrived(healed, 2)), {}, {}, 0)
    decode_batch(batch, Rules(), TOPICS)
    assert [event.again.why for event in batch.events["a"] if event.again] == [Why.HEALED]
    assert [event.again.why for event in batch.displacing["a"] if event.again] == [Why.REMOVED, Why.HEALED]
    assert (batch.ignored, batch.dead) == (0, [])
