"""The comparison finds each way in which an index may not be the fold of the log."""

import json
from types import SimpleNamespace

import pytest

from freshet.schemas.positions import Order
from tests.chaos.compare import Found, Point, compare, compare_letters, explain
from tests.chaos.fold import UNKNOWN, Logged, fold
from tests.support.embedder import vector_of

METADATA = {"kind": "river"}


def upsert(key, text):
    body = {"type": "upsert", "id": key, "title": "T", "text": text, "metadata": METADATA, "version": 1}
    return Logged(0, len(text), key.encode(), json.dumps(body).encode())


FOLD = fold([upsert("a", "One. Two."), upsert("b", "Gone."), Logged(0, 9, b"b", None)], Order.LOG, max_bytes=1_000)


def found():
    """What is in an index that is right."""
    result = Found()
    result.ledger["a"] = {"deleted": False, "title": "T", "metadata": METADATA, "passages": ["1", "2"]}
    result.ledger["b"] = {"deleted": True, "title": "", "metadata": {}, "passages": []}
    for point, text in (("1", "One. "), ("2", "Two.")):
        payload = {"key": "a", "text": text, "title": "T", "metadata": METADATA}
        result.passages[point] = Point(payload, vector_of(f"T. {text}").tolist())
    return result


def whats(result):
    return [each.what for each in compare(FOLD, result)]


def test_an_index_that_is_the_fold_has_no_differences():
    assert whats(found()) == []


def test_a_document_without_a_record_or_with_a_tombstone_is_lost():
    without, ended = found(), found()
    del without.ledger["a"]
    ended.ledger["a"] |= {"deleted": True, "passages": []}
    assert whats(without) == ["lost", "orphan", "orphan"]
    assert whats(ended) == ["lost", "orphan", "orphan"]


def test_a_deleted_document_that_is_there_is_resurrected():
    result = found()
    result.ledger["b"] |= {"deleted": False}
    assert whats(result) == ["resurrected"]


@pytest.mark.parametrize(
    "change",
    [
        lambda result: result.ledger["a"].update(title="Another"),
        lambda result: result.ledger["a"].update(metadata={"kind": "desert"}),
        lambda result: result.ledger["a"].update(passages=["2", "1"]),
        lambda result: result.passages.pop("2"),
        lambda result: result.passages["2"].payload.update(metadata={"kind": "desert"}),
        lambda result: result.passages["2"].vector.reverse(),
        lambda result: result.ledger.update(c={"deleted": False, "passages": []}),
    ],
)
def test_what_is_otherwise_than_in_the_log_is_different(change):
    result = found()
    change(result)
    assert whats(result) == ["different"]


def test_a_passage_that_no_record_lists_is_an_orphan():
    result = found()
    result.passages["3"] = result.passages["1"]
    assert whats(result) == ["orphan"]


def letter(origin, value, reason="not_utf8", **more):
    headers = {"origin": origin, "reason": reason, **more}
    return SimpleNamespace(key=b"a", value=value, headers=[(name, each.encode()) for name, each in headers.items()])


def test_each_bad_record_must_be_a_dead_letter_with_its_bytes_and_reason_and_nothing_else_may():
    result = fold([Logged(0, 7, b"a", b"\xff")], Order.LOG, max_bytes=1_000)
    good = letter("log/0@7", b"\xff")
    expected = "of log/0@7: (b'a', b'\\xff', 'not_utf8')"

    def letters(*given):
        return [each.expected for each in compare_letters(result, given, "log")]

    assert letters(good) == []
    assert letters(good, good) == []  # twice is no harm
    assert letters(good, letter("log/0@7", b"", state="retried")) == []
    assert letters() == [expected]
    assert letters(letter("log/0@7", b"other bytes")) == [expected]
    assert letters(letter("log/0@7", b"\xff", "not_json")) == [expected]
    assert letters(good, letter("log/0@8", b"x")) == ["no dead letter of log/0@8"]


def test_what_was_refused_at_first_may_be_a_dead_letter_or_not():
    result = fold([upsert("a", f"One {UNKNOWN}.")], Order.LOG, max_bytes=1_000)
    [record] = result.retried
    for letters in ([], [letter(f"log/0@{record.offset}", record.value, "refused")]):
        assert not list(compare_letters(result, letters, "log"))


def test_a_difference_is_shown_with_the_log_of_its_document():
    result = found()
    result.ledger["b"] |= {"deleted": False}
    [difference] = compare(FOLD, result)
    told = explain(difference, FOLD)
    assert "resurrected: b" in told
    assert "0@5: b'{" in told
    assert "0@9: b'null'" in told
