from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.search.terms import Term, asked_terms, terms

ANY_TEXT = st.text(st.characters(exclude_categories=())) | st.text("aeE é\u0301\u3099ﾊﾞが東京都 2_-’.\n\x00")


def stems(text: str) -> list[str]:
    return [term.stem for term in terms(text)]


def words(text: str) -> list[str]:
    return [text[term.start : term.end] for term in terms(text)]


def test_a_term_tells_its_stem_and_its_place_in_the_text():
    assert list(terms("Resetting routers.")) == [Term("reset", 0, 9), Term("router", 10, 17)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("resets", "Resetting"),
        ("STRASSE", "straße"),
        ("caf\u00e9", "cafe\u0301"),
        ("ﬁle", "files"),
        ("Ｗｉｄｅ", "wide"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("ﾊﾞｽ", "バス"),
        ("カ\u3099", "ガ"),
    ],
)
def test_spellings_and_forms_of_a_word_are_one_term(one, other):
    assert stems(one) == stems(other)


@pytest.mark.parametrize(("one", "other"), [("cafe", "café"), ("university", "router"), ("東京", "京都")])
def test_other_words_are_other_terms(one, other):
    assert not set(asked_terms(one)) & set(asked_terms(other))


def test_places_are_code_points_of_the_raw_text_whatever_stands_before():
    text = "\U0001f600 ﬀ e\u0301te\u0301\u00a0\u2028résumé, naïve"
    assert words(text) == ["ﬀ", "e\u0301te\u0301", "résumé", "naïve"]


def test_words_keep_their_combining_marks_in_every_script():
    assert words("हिन्दी में लिखना") == ["हिन्दी", "में", "लिखना"]
    assert words("مُحَمَّد") == ["مُحَمَّد"]


def test_an_ascii_word_does_not_end_where_a_letter_beyond_ascii_follows():
    assert words("Wörterbuch cafés x’y") == ["Wörterbuch", "cafés", "x", "y"]


def test_chinese_japanese_and_korean_are_characters_and_pairs():
    assert words("東京都") == ["東", "東京", "京", "京都", "都"]
    assert words("Tokyo東京2020 猫") == ["Tokyo", "東", "東京", "京", "2020", "猫"]
    assert "서울" in words("서울에서")


def test_a_query_asks_for_pairs_of_characters_and_for_a_character_that_stands_alone():
    assert asked_terms("東京都") == {"東京", "京都"}
    assert asked_terms("猫") == {"猫"}


def test_a_query_asks_for_its_content_words():
    assert asked_terms("How do I reset the router?") == {"reset", "router"}
    assert asked_terms("Why doesn't it work? It’s broken, we've tried") == asked_terms("work broken tried")


def test_a_query_of_common_words_alone_asks_for_those():
    assert asked_terms("To be or not to be") == {"to", "be", "or", "not"}
    assert asked_terms("…?!") == frozenset()


@given(ANY_TEXT)
def test_terms_of_any_text_lie_in_it_and_are_ordered(text):
    found = list(terms(text))
    assert all(0 <= term.start < term.end <= len(text) and term.stem for term in found)
    assert [(term.start, term.end) for term in found] == sorted({(term.start, term.end) for term in found})


@given(ANY_TEXT)
def test_every_letter_and_digit_of_a_text_belongs_to_a_term(text):
    covered = {at for term in terms(text) for at in range(term.start, term.end)}
    assert {at for at, character in enumerate(text) if character.isalnum()} <= covered


@given(ANY_TEXT)
def test_a_query_asks_only_for_terms_of_a_text_with_the_same_words(text):
    asked = asked_terms(text)
    assert asked <= set(stems(text))
    assert bool(asked) == bool(stems(text))


def test_threads_that_stem_at_once_get_the_same_stems():
    text = " ".join(f"resetting{number} routers conditions" for number in range(3000))
    expected = stems(text)
    with ThreadPoolExecutor(8) as pool:
        assert all(found == expected for found in pool.map(stems, [text] * 16))
