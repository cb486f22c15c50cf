"""The fold of the log on disk: what is told apart there, and that memory is flat in all that there can be many of."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from freshet.schemas.again import Again, Why
from freshet.schemas.decoding import Record, Rules
from freshet.schemas.positions import Order
from freshet.streams.folded import FoldedLog
from tests.support.tracing import most_bytes

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


def came_again(records: Iterable[Record]) -> Iterator[tuple[Record, bool]]:
    return ((record, False) for record in records)


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
