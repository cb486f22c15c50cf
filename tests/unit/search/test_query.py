from __future__ import annotations

import unicodedata
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.search.embedding.base import Model
from freshet.search.models.tokens import bare, estimated_ends, exact_ends
from freshet.search.query import Query, Step, normalise, read_query, too_long
from tests.support.tiny_model import write_tiny_tokenizer

INVISIBLE = {"Cc", "Cf", "Zs", "Zl", "Zp"}


def model(*, most: int) -> Model:
    """One that takes so many tokens of a text."""
    return Model("test", "words", 8, max_tokens=most + 2)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("  many\t\n spaces\u00a0here ", "many spaces here"),
        ("cafe\u0301", "café"),
        ("nul\x00 and bell\x07", "nul and bell"),
        ("e\x00\u0301", "é"),
        ("\ufeffmark", "mark"),
        ("ﬁne x²", "ﬁne x²"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("👩\u200d🔬", "👩\u200d🔬"),
    ],
)
def test_texts_that_look_alike_become_the_same(text, normal):
    assert normalise(text) == normal


@pytest.mark.parametrize("text", ["", " ", "\x00", "\u200b\u200d", "\u2028\u3000", "\ufeff", "\ud800"])
def test_what_nobody_can_see_is_empty(text):
    assert normalise(text) == ""
    assert read_query(text).is_empty


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("cat", []),
        (" cat\tmat", ["whitespace"]),
        ("cafe\u0301", ["unicode"]),
        ("cat\x00", ["control_characters"]),
        ("\u200b\u200d", ["invisible"]),
        ("\x00 e\u0301 ", ["control_characters", "unicode", "whitespace"]),
    ],
)
def test_an_explanation_can_tell_what_was_changed_of_a_query(text, steps):
    assert list(read_query(text).steps) == steps


@given(st.text())
def test_a_normal_text_is_nfc_has_no_controls_and_stays_as_it_is(text):
    query = read_query(text)
    normal = query.text
    assert read_query(normal) == Query(normal)
    assert unicodedata.is_normalized("NFC", normal)
    assert not any(unicodedata.category(character) in {"Cc", "Cs"} for character in normal)
    assert "  " not in normal
    assert query.is_empty or any(unicodedata.category(character) not in INVISIBLE for character in normal)


@given(st.text())
def test_a_query_was_changed_exactly_where_a_step_says_so(text):
    query = read_query(text)
    assert (query.text != text) == bool(query.steps)
    assert [step for step in Step if step in query.steps] == list(query.steps), "in the order in which they are done"


@given(st.text())
def test_a_query_never_grows_by_more_than_the_one_spelling_of_its_characters(text):
    assert len(normalise(text)) <= len(unicodedata.normalize("NFC", text))


@given(st.text())
def test_spelling_and_spacing_do_not_matter(text):
    assert normalise(f"\t{unicodedata.normalize('NFD', text)}\n") == normalise(text)


def test_a_query_of_as_many_tokens_as_the_model_takes_is_fine_and_one_more_is_told_with_both_numbers():
    def ends(text: str) -> list[int]:
        return [match + 1 for match, character in enumerate(text) if character != " "]

    assert too_long("a b c", model(most=3), ends) is None
    assert too_long("a b c d", model(most=3), ends) == "has 4 tokens, the model takes 3"


def test_the_tokens_of_a_short_query_are_not_counted():
    def ends(_: str) -> list[int]:
        raise AssertionError("this takes time for nothing")

    assert too_long("how do I reset it?", model(most=254), ends) is None
    assert too_long("Wie geht das zurück?", model(most=254), ends) is None


@pytest.fixture(scope="module")
def exact(tmp_path_factory):
    return partial(exact_ends, bare(write_tiny_tokenizer(tmp_path_factory.mktemp("tokenizer"))))


@given(st.text(max_size=40) | st.text("aé中 ﷺ㌔ﬁİ٠🙂", max_size=40), st.integers(1, 60))
def test_whether_tokens_are_counted_or_not_makes_no_difference(exact, text, most):
    normal = normalise(text)
    for ends in (exact, estimated_ends):
        assert (too_long(normal, model(most=most), ends) is None) == (len(ends(normal)) <= most)
