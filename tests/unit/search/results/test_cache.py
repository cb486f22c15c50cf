"""Answers that are kept are given again while they are true, and say how far they are."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from freshet.schemas.errors import TransientError
from freshet.schemas.fields import Kind
from freshet.search.rerank.base import RerankModel, RerankTooLate, Scores
from freshet.search.reranking import Reranking
from freshet.search.results.cache import TELL_AGAIN
from freshet.search.results.proving import Reason, touched
from freshet.search.statistics import TermStatistics
from tests.support.waiting import wait_until
from tests.unit.search.results.kept import TOLD, DictResults, Kept, shown


async def warmed(**given: Any) -> Kept:
    """Two documents of cats, and an answer that is kept."""
    kept = Kept(**given)
    kept.edit("one", "cat cat")
    kept.edit("two", "cat dog")
    kept.following.advance(TOLD, 2)
    answer = await kept.search()
    assert (shown(answer), answer.cached) == (["one", "two"], False)
    return kept


async def test_the_same_question_is_answered_from_what_is_kept():
    kept = await warmed()
    first, second = [await kept.search() for _ in range(2)]
    assert (first.cached, shown(first), kept.index.searched) == (True, ["one", "two"], 1)
    assert first.query_id != second.query_id
    assert set(first.stages) == {"cache"}
    assert kept.outcomes() == {"miss": 1, "hot": 2}
    assert [record.cached for record in kept.quality.answers] == [False, True, True]


async def test_a_change_that_matters_ends_it_and_one_that_does_not_leaves_it():
    kept = await warmed()
    kept.edit("far", "rain fell")
    assert (await kept.search()).cached
    kept.edit("near", "cat")
    answer = await kept.search()
    assert (answer.cached, shown(answer)) == (False, ["near", "one"])
    assert sum(kept.reasons().values()) == 1


async def test_an_answer_says_the_watermarks_of_the_moment_when_it_was_proven():
    kept = await warmed()
    kept.following.advance(TOLD, 7)
    assert (await kept.search()).index.watermarks == {0: 7}


async def test_one_that_was_computed_says_those_from_before_the_index_was_read():
    kept = await warmed()
    kept.index.gate.clear()
    asking = asyncio.create_task(kept.search("dog"))
    await wait_until(lambda: kept.index.searched == 2, "it reads")
    kept.following.advance(TOLD, 9)
    kept.index.gate.set()
    assert (await asking).index.watermarks == {0: 2}


async def test_what_changed_while_an_answer_was_computed_is_held_against_it():
    kept = await warmed()
    kept.index.gate.clear()
    asking = asyncio.create_task(kept.search("dog"))
    await wait_until(lambda: kept.index.searched == 2, "it reads")
    kept.edit("late", "dog dog")  # and the search sees it or not
    kept.index.gate.set()
    await asking
    answer = await kept.search("dog")
    assert not answer.cached
    assert shown(answer)[0] == "late"


async def test_it_is_proven_step_by_step_so_that_old_changes_are_not_needed():
    kept = await warmed()
    for number in range(3):
        kept.edit(f"far {number}", "rain")
        assert (await kept.search()).cached
    kept.ring.begin({0: kept.following.position})  # what lies before is forgotten
    assert (await kept.search()).cached


async def test_what_was_missed_perhaps_ends_every_answer():
    kept = await warmed()
    kept.following.lose()
    assert not (await kept.search()).cached
    assert kept.reasons() == {"old": 1}
    assert (await kept.search()).cached


@pytest.mark.parametrize("doubt", ["sure", "identity", "incarnation", "built_to"])
async def test_nothing_is_kept_or_given_where_nothing_can_be_proven(doubt: str):
    kept = Kept()
    kept.edit("one", "cat")
    match doubt:
        case "sure":
            kept.following.sure = False
        case "identity":
            kept.following.identity = None
        case "incarnation":
            kept.versions.facts = {}
        case "built_to":
            kept.versions.facts["built_to"] = {"0": 5}
            kept.following.advance(TOLD, 4)
    for _ in range(2):
        assert not (await kept.search()).cached
    assert kept.outcomes() == {"off": 2}
    assert len(kept.memory) == 0
    if doubt == "built_to":
        kept.following.advance(TOLD, 5)
        assert [(await kept.search()).cached for _ in range(2)] == [False, True]


async def test_partitions_without_events_keep_nobody_from_keeping_answers():
    kept = Kept()
    kept.edit("one", "cat")
    kept.versions.facts["built_to"] = {"0": 0, "3": 0}
    assert [(await kept.search()).cached for _ in range(2)] == [False, True]


async def test_a_build_that_had_caught_up_is_past_what_was_not_told():
    """The last offsets of a partition may hold nothing to read, and so nothing ever comes to them."""
    kept = Kept()
    kept.edit("one", "cat")
    kept.versions.facts |= {"built_to": {"0": 9}, "built_at": "2026-11-20T12:00:00+00:00"}
    assert [(await kept.search()).cached for _ in range(2)] == [False, True]


async def test_what_was_proven_ahead_of_this_process_is_computed_anew():
    """The feed may have lost its end, and have other changes at those offsets now."""
    kept = await warmed()
    key, [entry] = next(iter(kept.memory._slots)), [slot.entry for slot in kept.memory._slots.values()]
    kept.memory.put(key, replace(entry, positions={0: kept.following.position + 1}))
    assert not (await kept.search()).cached
    assert (await kept.search()).cached


async def test_who_loses_the_feed_while_computing_keeps_nothing():
    kept = await warmed()
    kept.index.gate.clear()
    asking = asyncio.create_task(kept.search("dog"))
    await wait_until(lambda: kept.index.searched == 2, "it reads")
    kept.following.lose()
    kept.index.gate.set()
    await asking
    assert not (await kept.search("dog")).cached


async def test_a_version_that_was_made_anew_under_its_name_knows_nothing_of_the_old_ones_answers():
    kept = await warmed()
    kept.versions.facts = {"incarnation": "2"}
    kept.now += 1.5  # as long as that takes at least
    assert not (await kept.search()).cached


async def test_another_version_has_answers_of_its_own():
    kept = await warmed()
    kept.versions.name = "documents__abd"
    kept.now += 0.2
    answer = await kept.search()
    assert (answer.cached, answer.index.version) == (False, "documents__abd")
    assert len(kept.memory) == 1, "of what is not live no answer is kept"


async def test_a_kept_answer_costs_no_look_at_the_alias_for_a_moment():
    kept = await warmed()
    kept.versions.name = None  # nobody could be found by a look
    kept.now += 0.05
    assert (await kept.search()).cached
    kept.now += 0.1
    with pytest.raises(TransientError):
        await kept.search()


async def test_other_term_statistics_have_answers_of_their_own():
    kept = await warmed()
    kept.index.snapshot = TermStatistics(1, 2, 2, np.array([7], np.uint32), np.array([1], np.uint32))
    live = await kept.live.current()
    live.snapshots._due = None  # as after five seconds
    assert not (await kept.search()).cached
    assert (await kept.search()).cached


async def test_what_was_given_up_while_the_index_changed_is_not_kept():
    """A list that is shorter than it should be: leftovers of torn writes fill what is looked at."""
    kept = Kept()
    kept.edit("one", "cat")
    for number in range(100):
        kept.edit(f"torn {number}", "cat cat")
        kept.index.records[f"torn {number}"] = replace(kept.index.records[f"torn {number}"], deleted=True)
    assert [(await kept.search(mode="dense")).cached for _ in range(2)] == [False, False]


class LateReranker:
    """Has no time."""

    model = RerankModel("test", "late")

    async def rerank(self, query: str, texts: Sequence[str], *, within: float) -> Scores:  # noqa: ARG002
        raise RerankTooLate("too late")

    async def close(self) -> None:
        return


async def test_answers_that_had_to_do_without_something_are_not_kept():
    kept = Kept(reranking=Reranking(LateReranker(), seconds=1))
    kept.edit("one", "cat")
    for _ in range(2):
        answer = await kept.search()
        assert (answer.cached, answer.degraded) == (False, ["rerank_late"])
    await kept.search(rerank=False)
    assert (await kept.search(rerank=False)).cached


async def test_a_life_ends():
    kept = await warmed()
    kept.now += 3_599
    assert (await kept.search()).cached
    kept.now += 2
    assert not (await kept.search()).cached


async def test_every_part_of_a_question_counts():
    kept = Kept(fields={"lang": Kind.KEYWORD}, list_length=100)
    kept.edit("one", "cat", lang="en")
    asked: list[dict[str, Any]] = [
        {},
        {"query": "cats"},
        {"limit": 6},
        {"offset": 1},
        {"mode": "dense"},
        {"rerank": False},
        {"explain": True},
        {"query": " cat ", "explain": True},
        {"facets": ("metadata.lang",)},
        {"facets": ("metadata.lang",), "facet_limit": 3},
        {"filters": {"must": [{"key": "metadata.lang", "match": {"value": "en"}}]}},
        {"filters": {"must": [{"key": "metadata.lang", "match": {"value": "de"}}]}},
        {"filters": {"must": [{"key": "metadata.lang", "match": {"value": ""}}]}},
    ]
    assert [(await kept.search(**{"query": "cat", **each})).cached for each in asked] == [False] * len(asked)
    assert [(await kept.search(**{"query": "cat", **each})).cached for each in asked] == [True] * len(asked)
    assert (await kept.search("  cat\x00")).cached, "spellings that mean the same are one question"
    assert (await kept.search("cat", fresh_after=(), wait_ms=7)).cached, "how long one would wait shapes no answer"


async def test_facets_and_listings_are_kept_and_ended_too():
    kept = Kept(fields={"lang": Kind.KEYWORD}, list_length=100)
    kept.edit("one", "cat", lang="en")
    asked: dict[str, Any] = {"query": "", "facets": ("metadata.lang",), "filters": {}}
    await kept.search(**asked)
    again = await kept.search(**asked)
    assert (again.cached, again.facets["metadata.lang"][0].count) == (True, 1)
    kept.edit("two", "dog", lang="en")
    answer = await kept.search(**asked)
    assert (answer.cached, shown(answer), answer.facets["metadata.lang"][0].count) == (False, ["two", "one"], 2)


@pytest.mark.parametrize("asked", [{"query": "cat", "explain": True}, {"query": "", "filters": {}}])
async def test_a_record_that_takes_another_place_in_the_log_ends_what_shows_places(asked: dict[str, Any]):
    """A repeat may move it, and documents are listed by when they were written."""
    kept = await warmed()
    kept.following.advance(TOLD, 3)
    assert [(await kept.search(**asked)).cached for _ in range(2)] == [False, True]
    kept.edit("two", "cat dog")
    answer = await kept.search(**asked)
    assert not answer.cached
    assert kept.reasons() == {"candidate": 1}


async def test_processes_share_what_one_of_them_computed_and_each_proves_it():
    shared = DictResults()
    one = await warmed(shared=shared)
    await wait_until(lambda: shared.values != {}, "it is told")
    two = Kept(shared=shared, reader=one.index, versions=one.versions)
    two.following.position = one.following.position
    two.ring.begin({0: 0})
    assert (await two.search()).cached
    assert two.outcomes() == {"shared": 1}
    assert (await two.search()).cached
    assert two.outcomes() == {"shared": 1, "hot": 1}
    one.edit("near", "cat")
    three = Kept(shared=shared, reader=one.index, versions=one.versions)
    three.following.position = one.following.position
    three.ring.begin({0: one.following.position})  # it came too late to know what has changed since
    assert not (await three.search()).cached


@pytest.mark.parametrize("value", [b"", b"garbage", b"FRR\x01" + b"\xff" * 40])
async def test_what_others_left_that_is_no_answer_is_a_miss(value: bytes):
    shared = DictResults()
    kept = await warmed(shared=shared)
    await wait_until(lambda: shared.values != {}, "it is told")
    shared.values = dict.fromkeys(shared.values, value)
    kept.memory.clear()
    assert not (await kept.search()).cached


async def test_others_are_told_now_and_then_how_far_an_answer_has_come():
    shared = DictResults()
    kept = await warmed(shared=shared)
    await wait_until(lambda: len(shared.ttls) == 1, "it is told")
    for _ in range(3):
        await kept.search()
    kept.now += TELL_AGAIN
    for _ in range(3):
        await kept.search()
    await wait_until(lambda: len(shared.ttls) == 2, "it is told again")
    assert shared.ttls[1] == shared.ttls[0] - TELL_AGAIN, "its life is not made longer by that"
    await kept.cache.close()


@pytest.mark.parametrize("sure", [True, False])
async def test_equal_questions_in_flight_are_computed_once_whether_answers_are_kept_or_not(sure: bool):
    kept = await warmed()
    kept.following.sure = sure
    kept.index.gate.clear()
    asking = [asyncio.create_task(kept.search("dog")) for _ in range(5)]
    await wait_until(lambda: kept.outcomes().get("joined") == 4, "all wait")
    kept.index.gate.set()
    answers = await asyncio.gather(*asking)
    assert (kept.index.searched, {answer.cached for answer in answers}) == (2, {False})
    assert len({answer.query_id for answer in answers}) == 5


async def test_work_goes_on_for_the_others_when_who_began_it_goes():
    kept = await warmed()
    kept.index.gate.clear()
    first, second = [asyncio.create_task(kept.search("dog")) for _ in range(2)]
    await wait_until(lambda: kept.index.searched == 2, "it reads")
    first.cancel()
    kept.index.gate.set()
    assert shown(await second) == ["two", "one"]
    assert kept.index.searched == 2


async def test_work_ends_when_nobody_waits_for_it_any_more():
    kept = await warmed()
    kept.index.gate.clear()
    asking = [asyncio.create_task(kept.search("dog")) for _ in range(2)]
    await wait_until(lambda: kept.index.searched == 2, "it reads")
    for each in asking:
        each.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    await wait_until(lambda: kept.admission.working == 0, "its place is free")
    kept.index.gate.set()
    assert not (await kept.search("dog")).cached
    assert kept.index.searched == 3


async def test_an_error_is_told_to_all_who_wait_and_to_nobody_after():
    kept = await warmed()
    kept.index.gate.clear()
    asking = [asyncio.create_task(kept.search("dog")) for _ in range(3)]
    await wait_until(lambda: kept.index.searched == 2, "it reads")
    kept.index.failure = TransientError("search", "away")
    kept.index.gate.set()
    found = await asyncio.gather(*asking, return_exceptions=True)
    assert {type(each) for each in found} == {TransientError}
    kept.index.failure = None
    assert shown(await kept.search("dog")) == ["two", "one"]


async def test_who_needs_what_came_after_the_work_began_has_it_done_again():
    kept = await warmed()
    kept.index.gate.clear()
    early = asyncio.create_task(kept.search("dog"))
    await wait_until(lambda: kept.index.searched == 2, "it reads")
    kept.following.advance(TOLD, 5)
    late = asyncio.create_task(kept.search("dog", at_least={0: 5}))
    await wait_until(lambda: kept.index.searched == 3, "it is read again")
    beyond = asyncio.create_task(kept.search("dog", at_least={0: 99}))  # which nobody has reached
    await wait_until(lambda: kept.outcomes().get("joined") == 1, "one joins")
    kept.index.gate.set()
    watermarks = [(await each).index.watermarks for each in (early, late, beyond)]
    assert watermarks == [{0: 2}, {0: 5}, {0: 5}]


async def test_kept_answers_need_no_place_among_those_that_are_computed():
    kept = await warmed(places=1)
    async with kept.admission.enter():
        assert (await kept.search()).cached


async def test_memory_is_bounded_and_what_was_asked_last_stays():
    kept = await warmed(max_bytes=40_000)
    for number in range(40):
        await kept.search()
        await kept.search(f"cat {number}")
        assert kept.memory.bytes <= 40_000
    assert (await kept.search()).cached
    assert not (await kept.search("cat 0")).cached


async def test_an_answer_that_is_larger_than_all_memory_drives_no_other_out():
    kept = await warmed(max_bytes=20_000)
    kept.edit("dog", "dog " * 6_000)
    await kept.search("dog", mode="sparse")
    assert (await kept.search()).cached
    assert not (await kept.search("dog", mode="sparse")).cached


async def test_what_would_take_longer_to_prove_than_to_compute_is_computed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("freshet.search.results.proving.ONE_BY_ONE", 3)
    kept = await warmed(fields={"lang": Kind.KEYWORD})
    await kept.search(facets=("metadata.lang",))
    for number in range(4):
        kept.edit(f"far {number}", "rain")
        kept.edit(f"far {number}", "hill")
    assert (await kept.search()).cached
    assert not (await kept.search(facets=("metadata.lang",))).cached
    assert kept.reasons() == {"old": 1}


async def test_a_large_test_is_done_in_a_thread_and_speaks_for_the_moment_when_it_began(
    monkeypatch: pytest.MonkeyPatch,
):
    begun, gate = threading.Event(), threading.Event()

    def slow(*given: Any) -> Reason | None:
        begun.set()
        gate.wait(10)
        return touched(*given)

    monkeypatch.setattr("freshet.search.results.cache.OFF_LOOP", 1)
    monkeypatch.setattr("freshet.search.results.cache.touched", slow)
    kept = await warmed()
    kept.edit("far", "rain fell")
    asking = asyncio.create_task(kept.search())
    await wait_until(begun.is_set, "the test is under way")
    kept.edit("near", "cat")
    kept.following.advance(TOLD, 9)
    gate.set()
    answer = await asking
    assert (answer.cached, shown(answer), answer.index.watermarks) == (True, ["one", "two"], {0: 2})
    assert shown(await kept.search()) == ["near", "one"]
