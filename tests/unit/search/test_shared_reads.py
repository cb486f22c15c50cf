"""Reads that callers share: each gets its own values, whatever the others ask, wait for or give up."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.search.shared_reads import SharedReads


class Store:
    """Holds `name → bytes` for every name that does not begin with `no`; answers when told to, or at once."""

    def __init__(self) -> None:
        self.reads: list[list[str]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.failing: Exception | None = None
        self.answer: Any = ...

    async def read(self, names: list[str]) -> Any:
        self.reads.append(names)
        await self.gate.wait()
        if self.failing is not None:
            raise self.failing
        return values(names) if self.answer is ... else self.answer


def values(names: Sequence[str]) -> list[bytes | None]:
    return [None if name.startswith("no") else name.encode() for name in names]


def sharing(store: Store, *, most: int = 4) -> SharedReads:
    return SharedReads(store.read, seconds=10, most=most)


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_callers_of_one_turn_make_one_read_and_each_gets_its_own():
    store = Store()
    reads = sharing(store)
    asked = [["a"], ["b", "a"], [], ["nothing"]]
    found = await asyncio.gather(*(reads.get_many(names) for names in asked))
    assert found == [values(names) for names in asked]
    assert store.reads == [["a", "b", "nothing"]]


async def test_callers_that_come_during_a_read_share_the_next_one():
    store = Store()
    reads = sharing(store)
    store.gate.clear()
    first = asyncio.create_task(reads.get_many(["a"]))
    await turns()
    later = [asyncio.create_task(reads.get_many([name])) for name in "bcd"]
    await turns()
    assert store.reads == [["a"]]
    store.gate.set()
    assert [await each for each in (first, *later)] == [[b"a"], [b"b"], [b"c"], [b"d"]]
    assert store.reads == [["a"], ["b", "c", "d"]]


async def test_a_caller_with_many_names_lets_others_in_between():
    store = Store()
    reads = sharing(store)
    many = [str(number) for number in range(10)]
    found, few = await asyncio.gather(reads.get_many(many), reads.get_many(["a", "b"]))
    assert found == values(many)
    assert few == values(["a", "b"])
    assert max(map(len, store.reads)) == 4
    assert store.reads.index(["a", "b"]) < len(store.reads) - 1


async def test_who_asks_for_more_than_its_time_allows_goes_without_the_rest():
    store, now = Store(), iter(range(100))
    reads = SharedReads(store.read, seconds=2, most=2, clock=lambda: next(now))
    assert await reads.get_many(list("abcdef")) == [b"a", b"b", b"c", b"d", None, None]


@pytest.mark.parametrize("wrong", [None, [], [b"too few"], b"ab", 7, [1, "b"]])
async def test_what_is_no_answer_is_a_miss_for_everybody_in_the_read_and_for_nobody_after(wrong: Any):
    store = Store()
    reads = sharing(store)
    store.answer = wrong
    assert list(await asyncio.gather(reads.get_many(["a"]), reads.get_many(["b"]))) == [[None], [None]]
    store.answer = ...
    assert await reads.get_many(["a"]) == [b"a"]


async def test_a_read_that_raises_leaves_nobody_waiting():
    store = Store()
    reads = sharing(store, most=1)
    store.failing = RuntimeError("a mistake of ours")
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)
    assert list(await asyncio.gather(reads.get_many(["a"]), reads.get_many(["b"]))) == [[None], [None]]
    store.failing = None
    assert await reads.get_many(["a"]) == [b"a"]
    loop.set_exception_handler(None)


async def test_who_is_cancelled_leaves_the_others_alone_and_is_not_read_for():
    store = Store()
    reads = sharing(store)
    store.gate.clear()
    first, other = (asyncio.create_task(reads.get_many([name])) for name in "ab")
    await turns()
    waiting, gone = (asyncio.create_task(reads.get_many([name])) for name in "cd")
    await turns()
    for each in (first, gone):
        each.cancel()
    store.gate.set()
    assert [await other, await waiting] == [[b"b"], [b"c"]]
    assert store.reads == [["a", "b"], ["c"]]
    assert first.cancelled()
    assert gone.cancelled()


async def test_closing_ends_the_waiting_with_misses():
    store = Store()
    reads = sharing(store, most=1)
    store.gate.clear()
    waiting = [asyncio.create_task(reads.get_many([name])) for name in "ab"]
    await turns()
    await reads.close()
    await reads.close()
    assert [await each for each in waiting] == [[None], [None]]
    assert await reads.get_many(["c"]) == [None]


ASKED = st.lists(st.sampled_from([*"abcdefg", "no1", "no2"]), max_size=9)


@given(st.lists(st.tuples(st.integers(0, 6), ASKED, st.none() | st.integers(0, 6)), max_size=12), st.integers(1, 5))
def test_everybody_gets_the_values_of_their_names_whoever_comes_and_goes(
    callers: list[tuple[int, list[str], int | None]], most: int
):
    """Each caller comes after some turns of the loop and may give up after some more."""

    async def play() -> None:
        store = Store()

        async def slow(names: list[str]) -> Any:
            await turns(2)
            return await store.read(names)

        reads = SharedReads(slow, seconds=10, most=most)

        async def call(after: int, names: list[str], patience: int | None) -> None:
            await turns(after)
            task = asyncio.create_task(reads.get_many(names))
            if patience is not None:
                await turns(patience)
                task.cancel()
            [found] = await asyncio.gather(task, return_exceptions=True)
            assert task.cancelled() or found == values(names)
            assert patience is not None or not task.cancelled()

        await asyncio.gather(*(call(*each) for each in callers))
        assert all(len(names) <= most and len(set(names)) == len(names) for names in store.reads)
        await reads.close()

    asyncio.run(play())
