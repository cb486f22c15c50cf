"""What a batch means for the index, checked against the fold of the log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.schemas.decoding import BadEvent, Reason
from freshet.schemas.events import Delete, Event, Upsert
from freshet.schemas.positions import Order, Rank
from freshet.search.index.records import LedgerRecord
from freshet.search.passages import Piece
from freshet.streams.plan import DocumentPlan, Outcome, collapse, plan_document

State = tuple[str, str, str] | None  # title, text, language; None when deleted


def split_words(title: str, text: str) -> list[Piece]:
    return [Piece(word, f"{title}. {word}", 1) for word in text.split()]


def event(offset: int, state: State, *, version: int | None = None, null: bool = False, partition: int = 0) -> Event:
    body: Upsert | Delete | None
    if state is None:
        body = None if null else Delete(id="a", version=version)
    else:
        title, text, lang = state
        body = Upsert(id="a", title=title, text=text, metadata={"lang": lang}, version=version)
    return Event("a", None, "a", partition, offset, 1.0, body)


def plan(events: Sequence[Event], record: LedgerRecord | None, order: Order = Order.LOG) -> DocumentPlan:
    return plan_document(collapse(events, record, order), record, order, split_words)


def shown(record: LedgerRecord | None) -> tuple[str, str, int] | None:
    """What identifies the state that a record stands for."""
    if record is None or record.deleted:
        return None
    return record.content_digest, record.metadata_digest, len(record.passages)


def fold(events: Iterable[Event], order: Order) -> LedgerRecord | None:
    """The state after the log, one event at a time: the definition that batches must agree with."""
    top, newest = Rank(-1, -1), None
    for each in events:
        if order is Order.LOG:
            rank = Rank(0, each.offset)
        elif each.body is None:
            rank = Rank(max(top.version, 0), each.offset)
        else:
            rank = Rank(each.version or 0, each.offset)
        if rank > top:
            top, newest = rank, each
    return None if newest is None else plan([newest], None, Order.LOG).record


states = st.one_of(
    st.none(), st.tuples(st.sampled_from("TU"), st.sampled_from(["x", "x y", "y y"]), st.sampled_from("de"))
)


@st.composite
def logs(draw: st.DrawFn, order: Order) -> list[Event]:
    drawn = draw(st.lists(st.tuples(states, st.integers(0, 4), st.booleans()), min_size=1, max_size=8))
    versioned = order is Order.VERSION
    return [
        event(at, state, version=version if versioned else None, null=null)
        for at, (state, version, null) in enumerate(drawn)
    ]


@pytest.mark.parametrize("order", list(Order))
@given(data=st.data())
def test_however_the_log_is_cut_and_repeated_the_ledger_equals_its_fold(order: Order, data: st.DataObject) -> None:
    log = data.draw(logs(order))
    record: LedgerRecord | None = None
    at = 0
    while at < len(log):
        end = data.draw(st.integers(at + 1, len(log)))
        made = plan(log[at:end], record, order)
        record = made.record or record
        # a crash before the commit: some of what was done comes again, cut otherwise
        at = data.draw(st.integers(at, end)) if data.draw(st.integers(0, 3)) == 3 else end
    assert shown(record) == shown(fold(log, order))


@given(log=logs(Order.VERSION), data=st.data())
def test_in_version_order_no_late_event_with_a_lower_version_wins(log: list[Event], data: st.DataObject) -> None:
    upserts = [each for each in log if each.body is not None]
    if not upserts:
        return
    record: LedgerRecord | None = None
    for each in data.draw(st.permutations(upserts)):
        record = plan([each], record, Order.VERSION).record or record
    newest = max(upserts, key=lambda each: (each.version or 0, each.offset))
    assert record is not None
    assert shown(record) == shown(plan([newest], None).record)


def test_a_repeat_writes_nothing() -> None:
    first = plan([event(0, ("T", "x y", "d"))], None)
    again = plan([event(1, ("T", "x y", "d"))], first.record)
    assert (again.outcome, again.record) == (Outcome.UNCHANGED, None)


def test_a_repeat_that_stands_for_others_moves_the_position() -> None:
    first = plan([event(0, ("T", "x", "d"))], None)
    again = plan([event(1, ("T", "y", "d")), event(2, ("T", "x", "d"))], first.record)
    assert again.record is not None
    assert (again.record.offset, again.add, again.displaced) == (2, (), ())


def test_an_edit_of_one_passage_adds_just_that_one_and_displaces_the_old() -> None:
    first = plan([event(0, ("T", "one two three", "d"))], None)
    edit = plan([event(1, ("T", "one 2 three", "d"))], first.record)
    assert [new.piece.text for new in edit.add] == ["2"]
    assert edit.displaced == (first.record.passages[1],) if first.record else False


def test_a_metadata_change_takes_over_every_vector() -> None:
    first = plan([event(0, ("T", "one two one", "d"))], None)
    change = plan([event(1, ("T", "one two one", "e"))], first.record)
    assert first.record is not None
    assert change.outcome is Outcome.METADATA
    assert tuple(new.vector_of for new in change.add) == first.record.passages
    assert change.displaced == first.record.passages
    assert change.record is not None
    assert change.record.tokens == 0


def test_a_new_title_is_embedded_anew_because_it_stands_before_every_passage() -> None:
    first = plan([event(0, ("T", "one two", "d"))], None)
    change = plan([event(1, ("U", "one two", "d"))], first.record)
    assert [new.vector_of for new in change.add] == [None, None]


def test_the_first_delete_of_an_unknown_document_leaves_a_tombstone() -> None:
    made = plan([event(0, None)], None)
    assert made.record is not None
    assert made.record.deleted


def test_a_delete_displaces_everything_and_a_second_one_writes_nothing() -> None:
    first = plan([event(0, ("T", "one two", "d"))], None)
    gone = plan([event(1, None, null=True)], first.record)
    assert first.record is not None
    assert gone.displaced == first.record.passages
    assert plan([event(2, None)], gone.record).record is None


def test_a_document_that_comes_back_is_written_whole() -> None:
    gone = plan([event(0, ("T", "one", "d")), event(1, None)], None)
    back = plan([event(2, ("T", "one", "d"))], gone.record)
    assert [new.piece.text for new in back.add] == ["one"]


def test_an_event_below_the_record_is_stale_and_its_own_event_is_repeated() -> None:
    record = plan([event(5, ("T", "one", "d"))], None).record
    assert plan([event(4, ("T", "two", "d"))], record).outcome is Outcome.STALE
    assert plan([event(5, ("T", "one", "d"))], record).outcome is Outcome.REPEATED


def test_an_event_in_another_partition_is_refused_with_what_to_change() -> None:
    record = plan([event(0, ("T", "one", "d"))], None).record
    with pytest.raises(BadEvent, match="murmur2") as caught:
        plan([event(0, ("T", "two", "d"), partition=1)], record)
    assert caught.value.reason is Reason.PARTITION_MOVED


def test_a_document_without_text_and_title_is_recorded_and_has_no_passage() -> None:
    made = plan([event(0, ("", "", "d"))], None)
    assert made.record is not None
    assert made.record.passages == ()
