"""The fold of the log on disk: what is told apart there, and that memory is flat in all that there can be many of."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from freshet.schemas.again import Again, Why
from freshet.schemas.decoding import Record, Rules
from freshet.schemas.positions import FreshnessToken, Order, Place
from freshet.streams.folded import FoldedLog
from freshet.streams.letters import Letter, State
from tests.support.tracing import most_bytes
from tests.unit.streams.letters import records_of

MANY = 1_000
MOST_BYTES = 1 << 20  # where everything that is read would be four times as much
TEXT = "x" * 4_000


@pytest.fixture
def log(tmp_path: Path) -> Iterator[FoldedLog]:
    with FoldedLog(tmp_path / "log", topic="documents", rules=Rules(order=Order.LOG), ends={0: 1 << 40}) as made:
        yield made


def upsert(offset: int, key: str, text: str = TEXT, again: Again | None = None) -> Record:
    value = json.dumps({"type": "upsert", "id": key, "text": text}).encode()
    return Record("documents", 0, offset, 1.0, key.encode(), value, again=again)


def letter(origin: FreshnessToken, key: str, *, attempts: int = 1, state: State = State.OPEN) -> Letter:
    return Letter(origin, 1_000, attempts, "refused", key.encode(), 2, False, Place(0, 0), 2.0, state)


def came_again(records: Iterable[Record]) -> Iterator[tuple[Record, bool]]:
    return ((record, False) for record in records)


def texts(log: FoldedLog) -> dict[str, str]:
    folded = (each for page in log.pages() for each in page)
    return {each.key: each.event.upsert.text for each in folded if each.event is not None and each.event.upsert}


@pytest.mark.parametrize("behind", [[], [MANY + 1]], ids=["nothing", "one record"])
def test_what_came_again_takes_no_memory_where_compaction_has_left_nothing_else(
    log: FoldedLog, behind: list[int]
) -> None:
    again = (upsert(at, f"d{at}", again=Again(Why.REINSTATED)) for at in range(MANY))
    log.add_again(came_again(again))

    def fold() -> None:
        log.add([upsert(at, "last") for at in behind])
        log.finish()

    assert most_bytes(fold) < MOST_BYTES
    assert len(log) == MANY + len(behind)


def test_documents_that_came_again_from_one_place_are_all_there(log: FoldedLog) -> None:
    log.add_again(came_again(upsert(5, key, key, Again(Why.REINSTATED)) for key in ("a", "b", "c")))
    log.add([upsert(9, "d", "d")])
    log.finish()
    assert texts(log) == {"a": "a", "b": "b", "c": "c", "d": "d"}


def test_of_a_document_that_came_again_from_one_place_twice_the_last_counts(log: FoldedLog) -> None:
    log.add_again(came_again(upsert(5, "a", text, Again(Why.RETRIED)) for text in ("first", "last")))
    log.finish()
    assert texts(log) == {"a": "last"}


@pytest.mark.parametrize("retried", ["a", "b", "c"])
def test_whether_a_retried_letter_is_done_is_told_by_its_own_document(log: FoldedLog, retried: str) -> None:
    """Each was tried twice; two of them were put there before their letters were, and one by the retry."""
    tried = ("a", "b", "c")
    origin = FreshnessToken("documents", 0, 5)
    log.add_letters(records_of(letter(origin, key, attempts=2, state=State.RETRIED) for key in tried))
    log.add_again(came_again(upsert(5, key, key, Again(Why.RETRIED, 1 + (key == retried))) for key in tried))
    log.finish()
    assert texts(log) == {retried: retried}


def test_a_letter_is_not_that_of_another_document_from_the_same_place(log: FoldedLog) -> None:
    log.add_letters(records_of([letter(FreshnessToken("documents", 0, 5), "a")]))
    log.add_again(came_again(upsert(5, key, key, Again(Why.REINSTATED)) for key in ("a", "b")))
    log.finish()
    assert texts(log) == {"b": "b"}
