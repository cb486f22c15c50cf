"""When what was published counts as searchable: by the last watermark of the live version, however deep it lies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.schemas.decoding import Record
from freshet.schemas.feed import Watermark
from freshet.streams import searchable
from freshet.streams.retrying import Spans
from freshet.streams.searchable import wait_searchable


class SilentError(Exception):
    """Nothing comes any more."""


class MemoryFeed:
    """A feed of some partitions; `later` is what comes once somebody follows it, and nothing after that."""

    def __init__(self, *partitions: Sequence[bytes | None], later: Sequence[tuple[int, bytes]] = ()) -> None:
        self.partitions = [list(each) for each in partitions]
        self.later = later
        self.begin = 0

    async def spans(self) -> Spans:
        return {number: range(self.begin, len(each)) for number, each in enumerate(self.partitions)}

    async def read(self, spans: Spans) -> AsyncIterator[Sequence[Record]]:
        for number, span in spans.items():
            yield [_record(number, offset, self.partitions[number][offset]) for offset in span]

    async def follow(self, starts: Mapping[int, int]) -> AsyncIterator[Sequence[Record]]:
        for number, start in starts.items():
            assert start == len(self.partitions[number])
        for number, value in self.later:
            yield [_record(number, 1_000, value)]
        raise SilentError


def _record(partition: int, offset: int, value: bytes | None) -> Record:
    return Record("documents.indexed", partition, offset, 1.0, None, value)


def mark(offset: int, *, live: bool = True, partition: int = 0) -> bytes:
    told = Watermark(index_version="v", topic="documents", partition=partition, offset=offset, live=live)
    return told.model_dump_json().encode()


async def is_searchable(feed: MemoryFeed, wanted: Mapping[int, int]) -> bool:
    try:
        await wait_searchable(feed, wanted)
    except SilentError:
        return False
    return True


def marks(drawn: Sequence[tuple[int, bool]]) -> list[bytes]:
    return [mark(offset, live=live) for offset, live in drawn]


DRAWN = st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=30)


@given(there=DRAWN, coming=DRAWN, begin=st.integers(0, 5))
def test_the_last_watermark_of_the_live_version_decides_and_then_whatever_comes(there, coming, begin) -> None:
    feed = MemoryFeed(marks(there), later=[(0, value) for value in marks(coming)])
    feed.begin = min(begin, len(there))
    last = [offset for offset, live in there[feed.begin :] if live][-1:]
    expected = any(offset > 4 for offset in [*last, *(offset for offset, live in coming if live)])
    assert asyncio.run(is_searchable(feed, {0: 4})) == expected


async def test_it_is_found_however_much_was_said_since(monkeypatch) -> None:
    monkeypatch.setattr(searchable, "FIRST_LOOK", 2)
    noise: list[bytes | None] = [None, b"{}", b"no JSON", mark(9, live=False)] * 20
    assert await is_searchable(MemoryFeed([mark(5), *noise]), {0: 4})
    assert not await is_searchable(MemoryFeed([mark(9), mark(4), *noise]), {0: 4})  # another version is live since


async def test_of_several_events_all_must_be_searchable() -> None:
    both = [(0, mark(5)), (1, mark(8, partition=1))]
    assert not await is_searchable(MemoryFeed([], [], later=both[:1]), {0: 4, 1: 7})
    assert await is_searchable(MemoryFeed([], [], later=both), {0: 4, 1: 7})
    assert await is_searchable(MemoryFeed([both[0][1]], [], later=both[1:]), {0: 4, 1: 7})


async def test_a_partition_that_is_not_there_is_told() -> None:
    with pytest.raises(ValueError, match="no partition 3"):
        await wait_searchable(MemoryFeed([]), {3: 1})
