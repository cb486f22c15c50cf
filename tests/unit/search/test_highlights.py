from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.search.highlights import highlights
from freshet.search.terms import asked_terms, terms

WORDS = st.sampled_from(["reset", "resetting", "router", "the", "to", "cafe\u0301", "café", "東京", "京都", "猫", "x"])
GAPS = st.sampled_from([" ", "\n\n", "\u00a0", ", ", "—", "\u0301", "", "_"])
PROSE = st.lists(st.tuples(WORDS, GAPS)).map(lambda pairs: "".join(word + gap for word, gap in pairs))
ANY_TEXT = PROSE | st.text() | st.text(st.characters(exclude_categories=()))


def highlighted(query: str, text: str) -> list[str]:
    return [text[start:end] for start, end in highlights(asked_terms(query), text)]


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("reset router", "Resetting a router: hold reset.", ["Resetting", "router", "reset"]),
        ("how do I reset the router", "How to do the reset.", ["reset"]),
        ("router reset", "the router  \n resets itself", ["router  \n resets"]),
        ("router reset", "router, reset", ["router", "reset"]),
        ("who is it", "Who is it? It is I.", ["Who is it", "It is"]),
        ("monetary policy", "Interest rates rose.", []),
        ("東京の天気", "明日の東京の天気は晴れ", ["東京の天気"]),
        ("京都", "東京と京都", ["京都"]),
        ("猫", "白猫がいる", ["猫"]),
        ("東京", "京", []),
        ("???", "what?", []),
        ("reset", "", []),
    ],
)
def test_the_words_of_a_query_are_found_in_a_text(query, text, expected):
    assert highlighted(query, text) == expected


def test_ranges_count_code_points_of_the_text_as_it_was_given():
    assert highlights(asked_terms("café"), "\U0001f600\U0001f600 ﬁne cafe\u0301s") == [(7, 13)]


@given(ANY_TEXT, ANY_TEXT)
def test_ranges_of_any_text_are_valid_in_order_and_apart(query, text):
    found = highlights(asked_terms(query), text)
    flat = [place for each in found for place in each]
    assert flat == sorted(flat)
    assert all(0 <= start < end <= len(text) for start, end in found)
    for (_, end), (start, _) in pairwise(found):
        assert text[end:start].strip()


@given(ANY_TEXT, ANY_TEXT)
def test_a_range_holds_terms_that_were_asked_for_and_white_space_between_them(query, text):
    asked = asked_terms(query)
    hits = [term for term in terms(text) if term.stem in asked]
    covered = {at for start, end in highlights(asked, text) for at in range(start, end)}
    of_hits = {at for term in hits for at in range(term.start, term.end)}
    assert of_hits <= covered
    assert all(text[at].isspace() for at in covered - of_hits)


@given(ANY_TEXT)
def test_a_text_that_is_asked_for_itself_is_highlighted(text):
    assert bool(highlights(asked_terms(text), text)) == any(True for _ in terms(text))
