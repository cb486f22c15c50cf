"""What stands for a document in a copy of its topic."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.schemas.decoding import Reason, Record, Rules
from freshet.schemas.events import Delete
from freshet.schemas.positions import FreshnessToken, Order, Place
from freshet.streams.copying import copy_fold
from freshet.streams.folded import FoldedLog
from freshet.streams.letters import Letter
from freshet.streams.messages import Message
from tests.unit.streams.letters import records_of


class Target:
    """A topic of one partition."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    async def send_all(self, records: Iterable[Message]) -> Sequence[FreshnessToken]:
        for each in records:
            self.records.append(Record(each.topic, 0, len(self.records), 1.0, each.key, each.value))
        return []


def upsert(offset: int, key: str, version: int) -> Record:
    value = f'{{"type": "upsert", "id": "{key}", "text": "{key}{offset}", "version": {version}}}'
    return Record("documents", 0, offset, 1.0, key.encode(), value.encode())


def fold(file: Path, records: Sequence[Record], order: Order, letters: Iterable[Letter] = ()) -> FoldedLog:
    ends = dict.fromkeys(range(3), 1_000)
    log = FoldedLog(file, topic="documents", rules=Rules(order=order), ends=ends)
    log.add_letters(records_of(letters))
    log.add(records)
    log.finish()
    return log


def states(log: FoldedLog) -> dict[str, object]:
    return {each.key: each.event.upsert for page in log.pages() for each in page if each.event is not None}


@pytest.mark.parametrize("order", list(Order))
@given(data=st.data())
async def test_a_copy_has_the_state_of_each_document_whatever_comes_late(order, tmp_path_factory, data):
    """Also where an older version is published only after the copy, in version order."""
    numbers = data.draw(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 5), st.booleans()), max_size=8))
    records = [
        Record("documents", 0, at, 1.0, key.encode(), None) if ended else upsert(at, key, version)
        for at, (key, version, ended) in enumerate(numbers)
    ]
    folder = tmp_path_factory.mktemp("copy")
    late = [upsert(100, "a", 0)] if order is Order.VERSION and records else []
    target = Target()
    with fold(folder / "first", records, order) as log:
        await copy_fold(log, sink=target, topic="documents", advance=lambda _: None)
        wanted = states(log)
    moved = [*target.records, *(Record("documents", 0, len(target.records), 1.0, b"a", each.value) for each in late)]
    make = partial(fold, order=order)
    with make(folder / "copy", moved) as copied, make(folder / "late", [*records, *late]) as log:
        if late:
            wanted = states(log)
        assert states(copied) == wanted


async def test_a_null_is_copied_with_the_version_of_what_it_ended(tmp_path):
    records = [upsert(0, "a", 42), Record("documents", 0, 1, 1.0, b"a", None)]
    target = Target()
    with fold(tmp_path / "log", records, Order.VERSION) as log:
        await copy_fold(log, sink=target, topic="documents-2", advance=lambda _: None)
    [record] = target.records
    assert Delete.model_validate_json(record.value or b"") == Delete(id="a", version=42)


@pytest.mark.parametrize("is_letter", [False, True])
def test_documents_in_two_partitions_are_noticed_also_where_workers_have_refused_them(tmp_path, is_letter):
    records = [upsert(0, "a", 1), Record("documents", 1, 0, 1.0, b"a", upsert(1, "a", 2).value)]
    origin = FreshnessToken("documents", 1, 0)
    letter = Letter(origin, 1_000, 1, Reason.PARTITION_MOVED.value, b"a", 9, False, Place(1, 0), 2.0)
    with fold(tmp_path / "log", records, Order.LOG, [letter] if is_letter else []) as log:
        assert log.divided == "a"
    with fold(tmp_path / "other", records[:1], Order.LOG) as log:
        assert log.divided is None
