"""Documents without a query, while they are edited."""

from __future__ import annotations

from itertools import chain
from typing import Any

import pytest

from freshet.search.browsing import newest
from freshet.search.fusion import Candidate
from freshet.search.index.records import LedgerRecord
from tests.unit.search.editing import EditedIndex, State
from tests.unit.search.test_retrieval import FIRST, HISTORIES, follow, schedules


def everything(_record: LedgerRecord) -> bool:
    return True


async def listed(index: EditedIndex) -> dict[str, Candidate]:
    found = await newest(index, None, limit=10, tenant=None, passes=everything)
    return {candidate.key: candidate for candidate in found.candidates}


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES.keys())
async def test_a_document_is_listed_with_a_passage_of_the_state_that_is_shown_whenever_it_is_edited(
    history: list[State],
):
    first, *later = history
    for schedule in schedules(steps=3 * len(later), reads=5):
        index = EditedIndex()
        index.put("other", State("other", (15,)))
        index.put("doc", first)
        follow(index, chain.from_iterable([index.edit("doc", state) for state in later]), schedule)
        found = await listed(index)
        assert set(found) == {"doc", "other"}, schedule
        shown = found["doc"].record.title, float(found["doc"].text)
        assert shown in [(state.title, angle) for state in history for angle in state.angles or ()], schedule


async def test_a_document_that_ends_meanwhile_is_gone_or_whole():
    for schedule in schedules(steps=3, reads=4):
        index = EditedIndex()
        index.put("doc", FIRST)
        follow(index, index.edit("doc", State("", None)), schedule)
        assert [each.text for each in (await listed(index)).values()] in ([], ["10"]), schedule


class Ending(EditedIndex):
    """Documents that end as soon as they have been listed, as long as `pages` are asked for."""

    def __init__(self, *, documents: int, pages: int) -> None:
        super().__init__()
        self._pages = pages
        for number in range(documents):
            self.put(f"doc {number}", FIRST)

    async def browse(self, *args: Any, **options: Any) -> list[LedgerRecord]:
        found = await super().browse(*args, **options)
        self._pages -= 1
        for record in found if self._pages >= 0 else ():
            self.put(record.key, State("", None))
        return found


async def test_where_a_document_of_a_full_page_ends_meanwhile_the_next_one_takes_its_place():
    index = Ending(documents=4, pages=1)
    found = await newest(index, None, limit=2, tenant=None, passes=everything)
    assert {each.key for each in found.candidates} == {key for key, each in index.records.items() if not each.deleted}
    assert found.met == set(index.records)
    assert found.settled


async def test_a_page_that_stays_too_short_is_told_to_say_less_than_there_is():
    found = await newest(Ending(documents=100, pages=100), None, limit=2, tenant=None, passes=everything)
    assert found.candidates == []
    assert not found.settled


async def test_a_newer_state_that_passes_no_more_is_not_listed():
    index = EditedIndex()
    index.put("doc", FIRST)
    follow(index, index.edit("doc", State("second", (11,))), [0, 0, 0])
    found = await newest(index, None, limit=10, tenant=None, passes=lambda record: record.title == "first")
    assert found.candidates == []


async def test_documents_without_text_are_listed():
    index = EditedIndex()
    index.put("empty", State("nothing but a title", ()))
    assert [(each.key, each.text) for each in (await listed(index)).values()] == [("empty", "")]
