from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.search.query import normalise


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


@given(st.text())
def test_a_normal_text_is_nfc_has_no_controls_and_stays_as_it_is(text):
    normal = normalise(text)
    assert normalise(normal) == normal
    assert unicodedata.is_normalized("NFC", normal)
    assert not any(unicodedata.category(character) in {"Cc", "Cs"} for character in normal)
    assert "  " not in normal


@given(st.text())
def test_spelling_and_spacing_do_not_matter(text):
    assert normalise(f"\t{unicodedata.normalize('NFD', text)}\n") == normalise(text)
