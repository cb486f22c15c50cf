"""Queries that arrive together are embedded together, one that is alone at once, and nobody is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freshet.schemas.errors import DeniedError, OverloadedError, PermanentError, TransientError
from freshet.search.embedding.base import Embedded, Embedder, Purpose
from freshet.search.embedding.cached import CachedEmbedder
from freshet.search.embedding.memory import MemoryEmbeddingCache
from freshet.search.embedding.together import TogetherEmbedder
from freshet.search.load import ShedError
from tests.support.embedder import CountingEmbedder, vector_of
from tests.unit.search.embedding.test_cached import House


class SlowEmbedder(CountingEmbedder):
    """Answers no call before `go` is set; `calls` are the texts of each."""

    def __init__(self, *, poison: str | None = None) -> None:
        super().__init__(poison=poison)
        self.calls: list[list[str]] = []
        self.given_up: list[list[str]] = []
        self.go = asyncio.Event()
        self.failure: Exception | None = None
        self.closed = False

    async def embed(self, texts: Sequence[str], *, purpose: Purpose = "index") -> Embedded:
        self.calls.append(list(texts))
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.given_up.append(list(texts))
            raise
        if self.failure is not None:
            raise self.failure
        return await super().embed(texts, purpose=purpose)

    async def close(self) -> None:
        self.closed = True


def ask(embedder: Embedder, *texts: str) -> asyncio.Task[Embedded]:
    return asyncio.create_task(embedder.embed(texts, purpose="query"))


async def turns(count: int = 5) -> None:
    """Let everything go on that can."""
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.fixture
def slow() -> SlowEmbedder:
    return SlowEmbedder()


async def test_queries_that_arrive_while_a_call_runs_go_together_in_the_next(slow):
    together = TogetherEmbedder(slow)
    first = ask(together, "first")
    await turns()
    others = [ask(together, f"query {number}") for number in range(5)]
    await turns()
    assert slow.calls == [["first"]], "what is alone does not wait, and what comes then does"
    slow.go.set()
    answers = await asyncio.gather(first, *others)
    assert slow.calls == [["first"], [f"query {number}" for number in range(5)]]
    for answer, text in zip(answers, ["first", *slow.calls[1]], strict=True):
        assert np.array_equal(answer.vectors, [vector_of(text)])
    assert sum(answer.tokens for answer in answers) == 11, "as many as the model was given"


async def test_queries_of_the_same_moment_go_in_one_call(slow):
    together = TogetherEmbedder(slow)
    slow.go.set()
    await asyncio.gather(ask(together, "a"), ask(together, "b"))
    assert slow.calls == [["a", "b"]]


async def test_equal_texts_are_given_to_the_model_once_and_counted_once(slow):
    together = TogetherEmbedder(slow)
    slow.go.set()
    one, same, both = await asyncio.gather(
        ask(together, "a b c"), ask(together, "a b c"), ask(together, "d e f", "a b c")
    )
    assert slow.texts == ["a b c", "d e f"]
    assert np.array_equal(one.vectors, same.vectors)
    assert np.array_equal(both.vectors, [vector_of("d e f"), vector_of("a b c")])
    assert [each.tokens for each in (one, same, both)] == [3, 0, 3]


async def test_a_call_has_no_more_texts_than_it_may_unless_one_caller_brings_them(slow):
    together = TogetherEmbedder(slow, most=2)
    slow.go.set()
    groups = [("a",), ("b",), ("a",), ("c", "d", "e"), ("f",)]
    await asyncio.gather(*(ask(together, *texts) for texts in groups))
    assert slow.calls == [["a", "b"], ["c", "d", "e"], ["f"]]


async def test_as_many_calls_run_at_once_as_may(slow):
    together = TogetherEmbedder(slow, at_once=2)
    asked = []
    for text in "abcd":
        asked.append(ask(together, text))
        await turns()
    assert slow.calls == [["a"], ["b"]]
    slow.go.set()
    await asyncio.gather(*asked)
    assert slow.calls == [["a"], ["b"], ["c", "d"]]


async def test_a_query_that_is_cancelled_before_it_is_sent_is_dropped(slow):
    together = TogetherEmbedder(slow)
    first, second, third = ask(together, "first"), ask(together, "second"), ask(together, "third")
    await turns(1)
    second.cancel()
    await turns()
    slow.go.set()
    await asyncio.gather(first, third)
    assert slow.texts == ["first", "third"]
    assert second.cancelled()


async def test_where_all_are_cancelled_before_they_are_sent_the_model_is_not_called(slow):
    together = TogetherEmbedder(slow)
    first = ask(together, "first")
    await turns()
    waiting = [ask(together, text) for text in "ab"]
    await turns()
    for each in waiting:
        each.cancel()
    await turns()
    slow.go.set()
    await first
    await turns()
    assert slow.calls == [["first"]]


async def test_a_call_goes_on_while_somebody_waits_for_it_and_ends_when_nobody_does(slow):
    together = TogetherEmbedder(slow)
    one, other = ask(together, "one"), ask(together, "other")
    await turns()
    one.cancel()
    await turns()
    assert slow.given_up == []
    other.cancel()
    await turns()
    assert slow.given_up == [["one", "other"]]
    slow.go.set()
    assert len((await ask(together, "next")).vectors) == 1


async def test_an_error_goes_to_everybody_in_the_call_and_to_nobody_else(slow):
    together = TogetherEmbedder(slow)
    slow.failure = TransientError("embed", "away")
    slow.go.set()
    for failed in [ask(together, "a"), ask(together, "b")]:
        with pytest.raises(TransientError, match="away"):
            await failed
    assert slow.calls == [["a", "b"]]
    slow.failure = None
    assert (await ask(together, "a")).tokens == 1


async def test_a_text_that_the_model_refuses_does_not_fail_its_neighbours():
    slow = SlowEmbedder(poison="bad")
    together = TogetherEmbedder(slow)
    slow.go.set()
    texts = ["a", "b", "bad", "c", "d"]
    answers = await asyncio.gather(*(ask(together, text) for text in texts), return_exceptions=True)
    assert [text for text, answer in zip(texts, answers, strict=True) if isinstance(answer, PermanentError)] == ["bad"]
    assert sorted(slow.texts) == ["a", "b", "c", "d"]


async def test_a_refused_key_is_no_texts_fault_and_is_not_tried_again_and_again(slow):
    together = TogetherEmbedder(slow)
    slow.failure = DeniedError("embed", "wrong key")
    slow.go.set()
    await asyncio.gather(*(ask(together, text) for text in "abcd"), return_exceptions=True)
    assert len(slow.calls) == 1


async def test_where_too_many_wait_the_next_is_told_how_long_that_will_take(slow):
    seconds = iter([0.0, 3.0, 3.0])
    together = TogetherEmbedder(slow, most=2, waiting=4, clock=lambda: next(seconds, 3.0))
    slow.go.set()
    await ask(together, "how long a call takes")
    slow.go.clear()
    first = ask(together, "first")
    await turns()
    waiting = [ask(together, text) for text in "abcd"]
    await turns()
    with pytest.raises(ShedError) as caught:
        await together.embed(["one too many"], purpose="query")
    assert isinstance(caught.value, OverloadedError)
    assert caught.value.retry_after == 6.0
    waiting[0].cancel()
    await turns()
    fits = ask(together, "fits")
    await turns()
    assert not fits.done()
    slow.go.set()
    await asyncio.gather(first, *waiting[1:], fits)


async def test_texts_to_be_indexed_do_not_wait_for_queries(slow):
    together = TogetherEmbedder(slow)
    queries = [ask(together, "a"), ask(together, "b")]
    await turns()
    window = asyncio.create_task(together.embed(["x", "y"]))
    await turns()
    assert slow.calls == [["a", "b"], ["x", "y"]]
    slow.go.set()
    await asyncio.gather(window, *queries)


async def test_what_the_cache_knows_does_not_wait_for_the_model(slow):
    house = House()
    cached = CachedEmbedder(TogetherEmbedder(slow), MemoryEmbeddingCache(), house.embedder._metrics)
    slow.go.set()
    await ask(cached, "known")
    slow.go.clear()
    unknown = ask(cached, "unknown")
    await turns()
    assert (await ask(cached, "known")).tokens == 0
    assert not unknown.done()
    slow.go.set()
    await unknown


async def test_closing_tells_those_who_wait_and_those_who_come_later(slow):
    together = TogetherEmbedder(slow)
    sent = ask(together, "sent")
    await turns()
    waiting = ask(together, "waiting")
    await turns()
    await together.close()
    for each in (sent, waiting, ask(together, "late")):
        with pytest.raises(TransientError):
            await each
    assert slow.given_up == [["sent"]]
    assert slow.closed


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", "c", "bad", "d e"]), st.booleans(), st.integers(0, 3)),
        max_size=25,
    ),
    st.integers(1, 4),
    st.integers(1, 3),
)
@settings(deadline=None, max_examples=150)
async def test_whatever_is_cancelled_whenever_everybody_else_gets_an_answer_of_their_own(asked, most, at_once):
    """Each asks some turns after the one before; some give up a few turns later."""

    class Briefly(CountingEmbedder):
        async def embed(self, texts: Sequence[str], *, purpose: Purpose = "index") -> Embedded:
            assert len(texts) == len(set(texts)) <= most
            await turns(2)
            return await super().embed(texts, purpose=purpose)

    together = TogetherEmbedder(Briefly(poison="bad"), most=most, at_once=at_once)
    tasks = []
    for text, gives_up, pause in asked:
        task = ask(together, text)
        tasks.append(task)
        await turns(pause)
        if gives_up:
            task.cancel()
    async with asyncio.timeout(10):
        answers = await asyncio.gather(*tasks, return_exceptions=True)
    for (text, gives_up, _), answer in zip(asked, answers, strict=True):
        if isinstance(answer, asyncio.CancelledError):
            assert gives_up
        elif isinstance(answer, BaseException):
            assert isinstance(answer, PermanentError)
            assert text == "bad"
        else:
            assert np.array_equal(answer.vectors, [vector_of(text)])
    await together.close()
