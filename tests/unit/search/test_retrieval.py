"""The reader's check: an answer never loses a document that matches, and never mixes two of its states."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, combinations_with_replacement, islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.search import retrieval
from freshet.search.fusion import Candidate, fuse
from freshet.search.retrieval import retrieve
from tests.unit.search.editing import QUERIES, QUERY, EditedIndex, State, toward

FIRST = State("first", (10, 20))


async def search(
    index: EditedIndex, mode: str = "dense", *, length: int = 100, tenant: str | None = None
) -> list[Candidate]:
    return fuse(await retrieve(index, QUERIES[mode], length=length, tenant=tenant))


def seen(candidate: Candidate) -> tuple[str, tuple[float, ...]]:
    return candidate.record.title, tuple(float(hit.text) for hit in candidate.passages)


def is_one_of(candidate: Candidate, states: Sequence[State]) -> bool:
    title, angles = seen(candidate)
    return any(state.title == title and set(angles) <= set(state.angles or ()) for state in states)


# Edits of a document that matches before, between and after: what is edited, and how.
HISTORIES: dict[str, list[State]] = {
    "new text": [FIRST, State("first", (11, 21)), State("first", (12, 22))],
    "new title": [FIRST, State("second", (10, 20)), State("third", (10, 20))],
    "one passage of two": [FIRST, State("first", (10, 30)), State("first", (40, 30))],
    "there and back": [FIRST, State("second", (11,)), FIRST],
    "shorter": [FIRST, State("first", (20,)), State("first", (30,))],
    "longer": [State("first", (30,)), State("first", (30, 10)), State("first", (5, 30, 10))],
}


def schedules(steps: int, reads: int) -> Iterator[tuple[int, ...]]:
    """For each step of the edits, the read before which it happens (`reads`: never); in every way there is."""
    return combinations_with_replacement(range(reads + 1), steps)


def follow(index: EditedIndex, steps: Iterator[object], schedule: Sequence[int]) -> None:
    reads = iter(range(10**6))

    def before_read() -> None:
        now = next(reads)
        for _ in islice(steps, schedule.count(now)):
            pass

    index.before_read = before_read


@pytest.mark.parametrize("mode", QUERIES)
@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES.keys())
async def test_a_document_that_always_matches_is_found_in_one_state_whenever_it_is_edited(
    history: list[State], mode: str
):
    first, *later = history
    for schedule in schedules(steps=3 * len(later), reads=6):
        index = EditedIndex()
        index.put("other", State("other", (15,)))
        index.put("doc", first)
        follow(index, chain.from_iterable([index.edit("doc", state) for state in later]), schedule)
        found = {candidate.key: candidate for candidate in await search(index, mode)}
        assert set(found) == {"doc", "other"}, schedule
        assert is_one_of(found["doc"], history), (schedule, seen(found["doc"]))


async def test_the_newer_state_is_shown_with_its_own_score_when_the_document_changed_in_between():
    index = EditedIndex()
    index.put("doc", FIRST)
    follow(index, index.edit("doc", State("second", (30, 5))), [1, 1, 1])  # after the search, before the ledger
    [candidate] = await search(index)
    assert seen(candidate) == ("second", (5, 30))
    assert candidate.score == pytest.approx(float(QUERY @ toward(5)), abs=1e-6)


async def test_a_newer_state_that_passes_the_filter_no_more_is_not_shown():
    for schedule in schedules(steps=3, reads=4):
        if schedule[1] == 0:
            continue  # committed before the search, whose filter then keeps it out
        index = EditedIndex()
        index.put("doc", FIRST)
        follow(index, index.edit("doc", State("second", (10, 20))), schedule)
        retrieved = await retrieve(index, [QUERY], length=100, passes=lambda record: record.title == "first")
        assert {
            each.title for each in retrieved.states.values() if each.key in {h.key for h in retrieved.lists[0]}
        } <= {"first"}, schedule


async def test_a_document_deleted_meanwhile_is_gone_or_whole():
    for schedule in schedules(steps=3, reads=3):
        index = EditedIndex()
        index.put("doc", FIRST)
        follow(index, index.edit("doc", State("", None)), schedule)
        found = await search(index)
        assert [seen(candidate) for candidate in found] in ([], [("first", (10, 20))]), schedule


async def test_a_deleted_document_stays_away_though_its_passages_are_still_there():
    index = EditedIndex()
    index.put("doc", FIRST)
    next(islice(index.edit("doc", State("", None)), 1, None))
    assert await search(index) == []
    assert index.reads == ["nearest", "ledger"]


async def test_passages_that_nothing_lists_yet_are_not_shown():
    index = EditedIndex()
    index.put("doc", FIRST)
    next(index.edit("new", State("new", (1,))))
    next(index.edit("doc", State("second", (2,))))
    [candidate] = await search(index)
    assert seen(candidate) == ("first", (10, 20))


async def test_a_document_that_never_rests_ends_the_search_all_the_same():
    index = EditedIndex()
    index.put("doc", FIRST)
    angles = iter(range(1, 10**6))

    def edit() -> None:
        index.put("doc", State("same", (50, next(angles) / 1000)))

    index.before_read = edit
    [candidate] = await search(index)
    assert seen(candidate) == ("same", (50,))  # of its last state what had not been removed
    assert len(index.reads) < 15


async def test_a_search_of_an_index_at_rest_reads_twice():
    index = EditedIndex()
    for n in range(30):
        index.put(f"doc {n}", State("t", (n, n + 0.5)))
    await search(index)
    assert index.reads == ["nearest", "ledger"]


async def test_documents_stand_in_the_order_of_their_best_passages_then_of_their_keys():
    index = EditedIndex()
    for key, angles in {"b": (20, 50), "d": (30,), "c": (20,), "a": (60, 10)}.items():
        index.put(key, State(key, angles))
    found = await search(index)
    assert [seen(candidate) for candidate in found] == [("a", (10, 60)), ("b", (20, 50)), ("c", (20,)), ("d", (30,))]
    assert [candidate.text for candidate in found] == ["10", "20", "20", "30"]


async def test_a_search_of_one_tenant_gives_its_documents_only():
    index = EditedIndex()
    index.put("a/1", FIRST)
    index.put("b/1", FIRST)
    assert [candidate.key for candidate in await search(index, tenant="b")] == ["b/1"]


async def test_an_empty_index_answers_nothing():
    assert await search(EditedIndex()) == []


async def test_a_list_full_of_leftovers_is_asked_for_more_until_it_is_full_of_documents():
    index = EditedIndex()
    for n in range(150):
        next(index.edit(f"torn {n}", State("torn", (n / 1000,))))
        index.put(f"doc {n}", State("t", (1 + n / 10,)))
    found = await search(index)
    assert [candidate.key for candidate in found] == [f"doc {n}" for n in range(100)]


async def test_what_moves_up_while_a_longer_list_is_asked_for_is_not_skipped():
    index = EditedIndex()
    for n in range(120):
        index.put(f"doc {n}", State("old", (n / 10,)))
    edits = [index.edit(f"doc {n}", State("new", (n / 10,))) for n in range(120)]
    for edit in edits:
        next(islice(edit, 1, None))  # committed, the old passages not yet removed

    def remove() -> None:
        if index.reads.count("nearest") == 1:
            for edit in edits:
                next(edit, None)

    index.before_read = remove
    found = await search(index)
    assert [candidate.key for candidate in found] == [f"doc {n}" for n in range(100)]
    assert {candidate.record.title for candidate in found} == {"new"}


KEYS = "abcdef"
documents = st.permutations(range(40)).flatmap(
    lambda angles: st.lists(
        st.tuples(st.sampled_from(KEYS), st.integers(0, 4), st.integers(1, 3)), min_size=1, max_size=10
    ).map(lambda edits: _states(edits, angles))
)


def _states(edits: list[tuple[str, int, int]], angles: list[int]) -> list[tuple[str, State, int]]:
    """(key, state, steps done); every passage has an angle of its own, so that no order is left to chance."""
    free = iter(angles)
    return [
        (key, State(f"state {n}", tuple(islice(free, size)) if size else None), steps)
        for n, (key, size, steps) in enumerate(edits)
    ]


@given(documents, st.integers(1, 6))
async def test_leftovers_of_torn_writes_change_no_answer(edits: list[tuple[str, State, int]], length: int):
    index = EditedIndex()
    for key, state, steps in edits:
        for _ in islice(index.edit(key, state), steps):
            pass
    current = {key: entry for key, entry in index.records.items() if not entry.deleted}
    live = [index.stored[id_] for entry in current.values() for id_ in entry.passages]
    best = sorted(live, key=lambda item: float(item.text))[:length]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrieval, "_ROUNDS", 50)
        found = await search(index, length=length)
    assert [candidate.key for candidate in found] == list(dict.fromkeys(item.key for item in best))
    for candidate in found:
        assert candidate.record == current[candidate.key]
        assert [hit.id for hit in candidate.passages] == [item.id for item in best if item.key == candidate.key]


@given(documents, st.lists(st.integers(0, 8), max_size=30), st.integers(2, 6), st.sampled_from(sorted(QUERIES)))
async def test_every_answer_shows_states_that_were_true_while_it_was_made(
    edits: list[tuple[str, State, int]], times: list[int], length: int, mode: str
):
    index = EditedIndex()
    for key in KEYS:
        index.put(key, State("begin", (40 + ord(key),)))
    start, history = dict(index.records), [dict(index.records)]
    steps = chain.from_iterable(index.edit(key, state) for key, state, _ in edits)
    reads = iter(range(10**6))

    def before_read() -> None:
        history.extend(dict(index.records) for _ in islice(steps, times.count(next(reads))))

    index.before_read = before_read
    found = await search(index, mode, length=length)
    scores = [candidate.score for candidate in found]
    assert all(a >= b for a, b in pairwise(scores))
    assert len({candidate.key for candidate in found}) == len(found)
    for candidate in found:
        assert candidate.record in [moment.get(candidate.key) for moment in [start, *history]]
        assert not candidate.record.deleted
        assert {hit.id for hit in candidate.passages} <= set(candidate.record.passages)


async def test_a_full_list_tells_its_last_score_and_one_that_is_not_full_tells_none():
    index = EditedIndex()
    for angle in (10, 20, 30):
        index.put(f"doc {angle}", State("t", (angle,)))
    retrieved = await retrieve(index, QUERIES["hybrid"], length=2)
    assert list(retrieved.last) == pytest.approx([float(QUERY @ toward(20)), 160.0], abs=1e-6)
    assert (await retrieve(index, [QUERY], length=4)).last == (None,)
    assert retrieved.settled


async def test_the_last_score_is_that_of_what_may_be_shown():
    index = EditedIndex()
    next(index.edit("torn", State("torn", (1,))))
    index.put("a", State("t", (10,)))
    index.put("b", State("t", (20,)))
    retrieved = await retrieve(index, [QUERY], length=2)
    assert list(retrieved.last) == pytest.approx([float(QUERY @ toward(20))], abs=1e-6)


async def test_documents_that_were_come_across_are_told_whether_shown_or_not():
    index = EditedIndex()
    index.put("shown", FIRST)
    index.put("ended", FIRST)
    next(index.edit("torn", State("torn", (1,))))
    next(islice(index.edit("ended", State("", None)), 1, None))
    index.put("changed", FIRST)
    next(islice(index.edit("changed", State("second", (11,))), 1, None))
    retrieved = await retrieve(index, [QUERY], length=10, passes=lambda record: record.title != "second")
    assert retrieved.met == {"shown", "ended", "torn", "changed"}
    assert {hit.key for hit in retrieved.lists[0]} == {"shown"}


async def test_it_is_told_where_lists_stayed_shorter_than_they_should_be():
    index = EditedIndex()
    index.put("doc", FIRST)
    for n in range(1_000):
        next(index.edit(f"torn {n}", State("torn", (n / 1_000,))))
    assert not (await retrieve(index, [QUERY], length=10)).settled


async def test_it_is_told_where_a_document_went_on_changing():
    index = EditedIndex()
    index.put("doc", FIRST)
    angles = iter(range(1, 10**6))
    index.before_read = lambda: index.put("doc", State("same", (50, next(angles) / 1000)))
    assert not (await retrieve(index, [QUERY], length=10)).settled
