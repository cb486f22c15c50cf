"""What a worker remembers of the ledger stays within its bound, and is what it was told last."""

from dataclasses import replace

from freshet.schemas.positions import Rank
from freshet.search.index.records import LedgerRecord
from freshet.streams.remembered import RememberedLedger


def record(key: str, *, offset: int = 0, metadata: dict[str, str] | None = None) -> LedgerRecord:
    return LedgerRecord(key, key, None, 0, Rank(0, offset), None, 1.0, 1.0, "c", "m", metadata=metadata or {})


def test_the_last_told_counts() -> None:
    ledger = RememberedLedger(1 << 20)
    ledger.remember([record("a"), record("b")])
    ledger.remember([record("a", offset=7)])
    assert {key: each.offset for key, each in ledger.find(["a", "b", "c"]).items()} == {"a": 7, "b": 0}


def test_what_was_not_used_for_longest_is_forgotten_first() -> None:
    ledger = RememberedLedger(1 << 20)
    ledger.remember([record("a"), record("b")])
    each = ledger.bytes // 2
    small = RememberedLedger(each * 2 + each // 2)
    small.remember([record("a"), record("b")])
    small.find(["a"])
    small.remember([record("c")])
    assert set(small.find("abc")) == {"a", "c"}


def test_large_metadata_count() -> None:
    ledger = RememberedLedger(10_000)
    ledger.remember([record("a"), record("b", metadata={"x": "y" * 10_000})])
    assert not ledger.find("ab")
    assert ledger.bytes == 0


def test_everything_it_counted_is_given_back() -> None:
    ledger = RememberedLedger(1 << 20)
    ledger.remember([record("a"), replace(record("b"), passages=("p", "q"))])
    ledger.forget("a")
    ledger.forget("a")
    assert len(ledger) == 1
    ledger.forget("b")
    assert (len(ledger), ledger.bytes) == (0, 0)


def test_with_no_memory_nothing_is_remembered() -> None:
    ledger = RememberedLedger(0)
    ledger.remember([record("a")])
    assert not ledger.find(["a"])
