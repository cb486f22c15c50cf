"""Estimating tokens where no tokenizer can be had."""

from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from freshet.search.models.tokens import bare, estimated_ends, exact_ends


@given(st.text())
def test_estimated_ends_ascend_and_reach_the_last_character(text: str):
    ends = estimated_ends(text)
    assert ends == sorted(ends)
    assert all(0 < end <= len(text) for end in ends)
    if text.strip() and not text[-1].isspace():
        assert ends[-1] == len(text)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_there_are_never_more_estimated_tokens_than_bytes(text: str):
    assert len(estimated_ends(text)) <= len(text.encode())


@given(st.text(), st.text())
def test_a_longer_text_has_no_fewer_tokens(text: str, more: str):
    assert len(estimated_ends(text)) <= len(estimated_ends(f"{text} {more}"))


def test_prose_is_estimated_above_the_usual_four_letters_a_token():
    prose = "Vaccination of children against measles prevents most of the deaths that the disease once caused. " * 20
    assert len(prose) / 4 < len(estimated_ends(prose)) < len(prose) / 2


def test_scripts_without_spaces_are_not_one_long_word():
    assert len(estimated_ends("東京都の人口は千四百万人です")) >= 14


def test_a_bare_tokenizer_neither_cuts_nor_pads_and_the_given_one_still_does():
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "?": 1}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.enable_truncation(3)
    tokenizer.enable_padding(length=5)
    assert exact_ends(bare(tokenizer), "a a a a a a a") == [1, 3, 5, 7, 9, 11, 13]
    assert exact_ends(bare(tokenizer), "a") == [1]
    assert len(tokenizer.encode("a a a a").ids) == 5
