"""The states of dead letters are a fold of their topic, whatever order it is read in."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.schemas.decoding import BadEvent, Reason, Record
from freshet.schemas.positions import FreshnessToken, Place
from freshet.streams.batch import Batch, DeadLetter
from freshet.streams.letters import KEPT_KEY, Fold, Letter, State, mark, original, read
from freshet.streams.messages import Message
from tests.support.announcing import announcer_to
from tests.unit.streams.letters import LETTERS, Topic, letter_headers

ORIGINS = [FreshnessToken("documents", 0, offset) for offset in range(3)]
DONE = [State.RETRIED, State.DROPPED]
# What happens to events: they are refused for the nth time, or somebody does something about that.
happenings = st.tuples(
    st.sampled_from(ORIGINS), st.sampled_from([1, 1_000, None]), st.integers(1, 3), st.sampled_from(State)
)


@st.composite
def topics(draw: st.DrawFn, *, orphans: bool = False) -> list[Record]:
    """A topic of three partitions, each in its order; letters of one event may lie in several, as without a key.

    Of `orphans`, marks whose letters Kafka has deleted before them, there are none unless they are asked for.
    """
    records: list[Record] = []
    ends, tried = [0, 0, 0], set()
    for at, (origin, moment, attempts, state) in enumerate(draw(st.lists(happenings, max_size=25))):
        what = state if orphans or (origin, moment, attempts) in tried else State.OPEN
        tried.add((origin, moment, attempts))
        partition = draw(st.integers(0, 2))
        headers = letter_headers(origin, moment=moment, attempts=attempts, state=what)
        records.append(Record(LETTERS, partition, ends[partition], float(at), b"k", b"{}", headers))
        ends[partition] += 1
    return records


def folded(records: list[Record]) -> list[Letter]:
    fold = Fold()
    for record in records:
        fold.add(record)
    assert fold.strange == 0
    return fold.letters()


def expected(records: list[Record]) -> dict[tuple[FreshnessToken, int | None], State]:
    """The newest word about each event: of its last attempt, and of that what was done, if anything."""
    states: dict[tuple[FreshnessToken, int | None], State] = {}
    found = [read(record) for record in records]
    for event in {event_of(each) for each in found if each.state is State.OPEN}:
        mine = [each for each in found if event_of(each) == event]
        last = max(each.attempts for each in mine if each.state is State.OPEN)
        marks = [each for each in mine if each.state is not State.OPEN and each.attempts >= last]
        states[event] = max(marks, key=lambda each: (each.attempts, each.time)).state if marks else State.OPEN
    return states


@given(topics(orphans=True))
def test_the_newest_word_about_an_event_is_its_state(records: list[Record]) -> None:
    assert {event_of(each): each.state for each in folded(records)} == expected(records)


@given(topics(orphans=True), st.randoms())
def test_neither_the_order_of_reading_nor_a_repeat_matters(records: list[Record], random) -> None:
    again = [*records, *records[: random.randint(0, len(records))]]
    random.shuffle(again)
    assert folded(again) == folded(records)


@given(topics(), st.sampled_from(DONE))
def test_what_is_marked_is_no_longer_open_and_nothing_else_changes(records: list[Record], state: State) -> None:
    before = folded(records)
    topic = Topic(records)
    topic.write([mark(letter, state, topic=LETTERS, now=99.0) for letter in before[:2]])
    after = {event_of(each): each for each in folded(topic.records)}
    for letter in before[:2]:
        assert after.pop(event_of(letter)) == replace(letter, state=state)
    assert list(after.values()) == before[2:]


@given(topics(), st.sampled_from(DONE))
def test_one_that_fails_again_is_open_even_where_that_was_said_before_its_mark(records: list[Record], state: State):
    """The worker may have refused a retried event before the command comes to write its mark."""
    for letter in folded(records)[:1]:
        headers = letter_headers(letter.origin, moment=letter.moment, attempts=letter.attempts + 1)
        worker = Message(LETTERS, b"k", b"{}", letter.place.partition, headers)
        command = mark(letter, state, topic=LETTERS, now=99.0)
        for order in ([worker, command], [command, worker]):
            topic = Topic(records)
            topic.write(order)
            found = [each for each in folded(topic.records) if event_of(each) == event_of(letter)]
            assert [(each.state, each.attempts) for each in found] == [(State.OPEN, letter.attempts + 1)]


def event_of(letter: Letter) -> tuple[FreshnessToken, int | None]:
    return letter.origin, letter.moment


def test_a_letter_that_is_said_twice_after_a_crash_stays_done() -> None:
    topic = Topic()
    first = Message(LETTERS, b"k", b"{}", 0, letter_headers(ORIGINS[0]))
    topic.write([first])
    topic.write([mark(folded(topic.records)[0], State.DROPPED, topic=LETTERS, now=1.0), first])
    assert [letter.state for letter in folded(topic.records)] == [State.DROPPED]


def test_the_letter_of_a_topic_made_anew_is_not_taken_for_the_one_that_was_dropped() -> None:
    topic = Topic()
    topic.write([Message(LETTERS, b"k", b"{}", 0, letter_headers(ORIGINS[0], moment=1_000))])
    topic.write([mark(folded(topic.records)[0], State.DROPPED, topic=LETTERS, now=1.0)])
    topic.write([Message(LETTERS, b"k", b"{}", 0, letter_headers(ORIGINS[0], moment=2_000))])
    assert [(letter.moment, letter.state) for letter in folded(topic.records)] == [
        (1_000, State.DROPPED),
        (2_000, State.OPEN),
    ]


@given(
    key=st.none() | st.binary(min_size=1, max_size=20),
    value=st.none() | st.binary(max_size=50),
    milliseconds=st.integers(0, 10**12),
    place=st.tuples(st.integers(0, 100), st.integers(0, 10**12)),
)
async def test_what_the_worker_buried_is_dug_out_as_it_was(key, value, milliseconds, place) -> None:
    partition, offset = place
    record = Record("documents", partition, offset, milliseconds / 1_000, key, value, (("trace", b"1"),))
    topic = Topic()
    announcer = announcer_to(topic)
    batch = Batch((), {}, {}, 0, dead=[DeadLetter(record, BadEvent(Reason.NOT_JSON, "no"))])
    await announcer.announce(batch)
    buried = topic.records[0]
    letter = read(buried)
    # No record of a compacted topic lacks a key; where nothing at all is there, the letter has an empty one.
    kept = b"" if key is None and value is None else key
    assert original(letter, buried) == replace(record, headers=(), key=kept)
    assert (letter.reason, letter.attempts, letter.size) == ("not_json", 1, len(value or b""))


def test_an_old_letter_without_the_time_of_its_event_has_that_of_its_burial() -> None:
    buried = Record(LETTERS, 1, 5, 7.5, b"k", b"{}", letter_headers(ORIGINS[0], moment=None))
    assert original(read(buried), buried).timestamp == 7.5


def test_a_mark_lies_beside_its_letter_whatever_its_key_says() -> None:
    letter = read(Record(LETTERS, 3, 5, 7.5, None, b"{}", letter_headers(ORIGINS[1])))
    message = mark(letter, State.RETRIED, topic=LETTERS, now=0.0)
    assert (message.partition, message.key, message.value) == (3, None, b"")
    assert dict(message.headers)["time"] == b"1970-01-01T00:00:00.000+00:00"


def test_of_an_endless_key_only_the_beginning_is_held() -> None:
    letter = read(Record(LETTERS, 3, 5, 7.5, b"k" * 100_000, b"{}", letter_headers(ORIGINS[1])))
    assert letter.key == b"k" * KEPT_KEY
    assert letter.place == Place(3, 5)


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("origin", b"nonsense"),),
        (("origin", b"\xff"),),
        (("origin", None),),
        (("origin", b"documents/0@1"), ("state", b"open")),
        (("origin", b"documents/0@1"), ("state", b"mislaid")),
        (("origin", b"documents/0@1"), ("state", None)),
    ],
)
def test_what_others_put_there_is_counted_and_left_out(headers) -> None:
    fold = Fold()
    fold.add(Record(LETTERS, 0, 0, 0.0, b"k", b"{}", headers))
    assert (fold.letters(), fold.strange) == ([], 1)


@pytest.mark.parametrize("state", DONE)
def test_a_letter_that_another_version_meets_again_stays_as_it_was(state: State) -> None:
    """It was refused, retried, refused once more, and then that was done; a rebuild meets both records again."""
    topic = Topic()
    first, second = (Message(LETTERS, b"k", b"{}", 0, letter_headers(ORIGINS[0], attempts=each)) for each in (1, 2))
    topic.write([first])
    topic.write([mark(folded(topic.records)[0], State.RETRIED, topic=LETTERS, now=1.0), second])
    topic.write([mark(folded(topic.records)[0], state, topic=LETTERS, now=2.0)])
    for order in ([first, second], [second, first]):
        topic.write(order)
        assert [(letter.state, letter.attempts) for letter in folded(topic.records)] == [(state, 2)]
