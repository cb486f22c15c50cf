"""Letters that are kept on disk are those that the fold of their topic tells, and take no memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.schemas.decoding import Record
from freshet.schemas.positions import FreshnessToken
from freshet.streams.kept_letters import KeptLetters
from freshet.streams.letters import State
from tests.support.tracing import most_bytes
from tests.unit.streams.letters import LETTERS, letter_headers
from tests.unit.streams.test_letters import ORIGINS, folded, topics

MANY = 5_000
MOST_BYTES = 1 << 20  # as objects they would take four times as much


def kept(records: Iterable[Record], file: str = ":memory:") -> KeptLetters:
    base = sqlite3.connect(file, isolation_level=None)
    base.execute("BEGIN")
    letters = KeptLetters(base, topic="documents")
    for record in records:
        letters.add(record)
    return letters


def record_at(origin: FreshnessToken, moment: int) -> Record:
    return Record(*origin, timestamp=moment / 1_000, key=b"k", value=b"{}")


@given(topics(orphans=True), st.randoms(), st.sampled_from(ORIGINS), st.sampled_from([1, 1_000, 7]))
def test_a_record_has_the_letter_that_the_fold_tells_of_it(records: list[Record], random, origin, moment) -> None:
    mine = [each for each in folded(records) if each.origin == origin and each.moment in (moment, None)]
    again = [*records, *records[: random.randint(0, len(records))]]
    random.shuffle(again)
    assert kept(again).find(record_at(origin, moment)) == (mine[-1] if mine else None)


@pytest.mark.parametrize("origin", [b"nonsense", b"documents/0@9999999999999999999", b"others/0@1"])
def test_what_is_about_no_record_of_the_topic_is_left_out(origin: bytes) -> None:
    """Offsets are larger there than SQLite can hold."""
    letters = kept([Record(LETTERS, 0, 0, 0.0, b"k", b"{}", (("origin", origin),))])
    assert letters.find(record_at(FreshnessToken("documents", 0, 1), 1)) is None


def test_any_number_of_letters_and_marks_takes_no_memory(tmp_path) -> None:
    def written() -> Iterator[Record]:
        for at in range(2 * MANY):
            state = State.DROPPED if at % 2 else State.OPEN
            headers = letter_headers(FreshnessToken("documents", 0, at // 2), state=state)
            yield Record(LETTERS, 0, at, float(at), b"k", b"{}", headers)

    def fold() -> None:
        letters = kept(written(), str(tmp_path / "letters"))
        found = letters.find(record_at(FreshnessToken("documents", 0, MANY - 1), 1_000))
        assert found is not None
        assert found.state is State.DROPPED

    assert most_bytes(fold) < MOST_BYTES


@pytest.mark.parametrize("key", [None, b"", b"k" * 3_000])
def test_a_record_that_is_of_no_document_has_its_letter_too(key: bytes | None) -> None:
    origin = FreshnessToken("documents", 0, 1)
    letters = kept([Record(LETTERS, 0, 0, 0.0, key, b"{}", letter_headers(origin))])
    assert letters.find(Record(*origin, timestamp=1.0, key=key, value=b"{}")) is not None
