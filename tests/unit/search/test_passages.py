"""Splitting loses no character, fills the window and never overflows it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from freshet.search.passages import SPECIAL_TOKENS, Piece, Recipe, passage_ids, split

TokenEnds = Callable[[str], Sequence[int]]


def by_pattern(pattern: str) -> TokenEnds:
    compiled = re.compile(pattern, re.DOTALL)
    return lambda text: [match.end() for match in compiled.finditer(text)]


def by_byte(text: str) -> list[int]:
    """As byte-level tokenizers do with what they don't know: several tokens end at one character."""
    return [at + 1 for at, character in enumerate(text) for _ in character.encode()]


TOKENIZERS: dict[str, TokenEnds] = {
    "words": by_pattern(r"\w+|[^\w\s]"),
    "parts of words": by_pattern(r"\w{1,4}|[^\w\s]"),
    "characters": by_pattern(r"\S"),
    "characters and spaces": by_pattern(r"."),
    "bytes": by_byte,
}
words_with_the_space_before = by_pattern(r"\s?\w+|\s|[^\w\s]")
every_tokenizer = pytest.mark.parametrize("token_ends", TOKENIZERS.values(), ids=TOKENIZERS.keys())

words = st.text(st.sampled_from("abcdé東京"), min_size=1, max_size=12)
between = st.sampled_from(
    [" ", " ", " ", ". ", "? ", ", ", "\n", "\n\n", "。", "、", "   ", "", "\t\r\n", ' ("', '.") ']
)
texts = st.lists(st.tuples(words, between), max_size=60).map(lambda parts: "".join(map("".join, parts)))
anything = st.one_of(texts, st.text(max_size=200), st.text(st.sampled_from(" \n\t.a"), max_size=200))
titles = st.one_of(st.just(""), texts, st.text(max_size=30))


few = settings(max_examples=50)


@every_tokenizer
@few
@given(title=titles, text=anything, window=st.integers(1, 60))
def test_the_pieces_joined_give_the_text_back(token_ends, title, text, window):
    pieces = split(title, text, Recipe(window), token_ends)
    assert "".join(piece.text for piece in pieces) == text
    assert all(piece.text for piece in pieces) or text == ""


@every_tokenizer
@few
@given(title=titles, text=anything, window=st.integers(24, 60))
@example(title="", text="a" * 500, window=24)
@example(title="", text="a" + "\n" * 500 + "b" * 30, window=24)
@example(title="", text="a" * 20 + "東" * 40, window=24)
@example(title="東" * 40, text="東" * 40, window=24)
def test_every_piece_fits_the_window_with_its_title(token_ends, title, text, window):
    for piece in split(title, text, Recipe(window), token_ends):
        assert len(token_ends(piece.embedded)) == piece.tokens <= window - SPECIAL_TOKENS, piece


@few
@given(title=titles, text=anything, window=st.integers(24, 60))
def test_a_space_cut_from_the_word_that_it_belongs_to_is_all_that_may_be_too_much(title, text, window):
    for piece in split(title, text, Recipe(window), words_with_the_space_before):
        tokens = len(words_with_the_space_before(piece.embedded)) + SPECIAL_TOKENS
        assert tokens <= window + piece.text[-1:].isspace(), piece


@every_tokenizer
@few
@given(text=texts, window=st.integers(8, 40))
def test_every_piece_but_the_last_fills_half_of_its_window(token_ends, text, window):
    room = window - SPECIAL_TOKENS
    pieces = split("", text, Recipe(window), token_ends)
    at = 0
    for piece in pieces[:-1]:
        full = [end for end in token_ends(text) if end > at][:room][-1]
        assert len(piece.text) >= (full - at) // 2 - 3
        at += len(piece.text)


@every_tokenizer
@few
@given(text=texts)
def test_a_text_that_fits_is_one_piece(token_ends, text):
    pieces = split("", text, Recipe(len(token_ends(text)) + SPECIAL_TOKENS), token_ends)
    assert [piece.text for piece in pieces] == [text] * bool(text)


@given(title=titles, text=texts, window=st.integers(24, 60))
def test_every_piece_is_embedded_with_the_title_before_it(title, text, window):
    pieces = split(title, text, Recipe(window), TOKENIZERS["words"])
    for piece in pieces:
        prefix = piece.embedded.removesuffix(piece.text)
        assert prefix == "" if not title.strip() else title.strip().startswith(prefix.removesuffix(". "))
    assert not title.strip() or pieces


def test_a_long_title_leaves_most_of_the_window_to_the_text():
    pieces = split("title " * 500, "word " * 300, Recipe(100), TOKENIZERS["words"])
    assert [len(piece.text.split()) for piece in pieces] == [72, 72, 72, 72, 12]


def test_a_document_without_text_is_found_by_its_title_and_one_without_either_by_nothing():
    assert split("Title", "", Recipe(24), TOKENIZERS["words"]) == [Piece("", "Title. ", 2)]
    assert split("", "", Recipe(24), TOKENIZERS["words"]) == []
    assert split("  \n ", "", Recipe(24), TOKENIZERS["words"]) == []


def test_white_space_alone_is_kept_as_it_is():
    assert split("", " \n\n ", Recipe(24), TOKENIZERS["words"]) == [Piece(" \n\n ", " \n\n ", 0)]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("one two three four.\n\nfive six. seven eight nine ten", "one two three four.\n\n"),
        ("one two three four. five six, seven eight nine ten", "one two three four. "),
        ("one two three four five, six seven eight nine ten", "one two three four five, "),
        ("one two three four five six seven eight nine ten", "one two three four five six seven eight "),
        ('He said "one two three." Then four five six', 'He said "one two three." '),
        ("雨が降る。風が吹く、", "雨が降る。"),
        ("one. two three four five six seven eight nine", "one. two three four five six seven "),
    ],
)
def test_a_piece_ends_where_a_reader_would_pause(text, first):
    token_ends = TOKENIZERS["characters"] if ord(text[0]) > 255 else TOKENIZERS["words"]
    assert split("", text, Recipe(8 + SPECIAL_TOKENS), token_ends)[0].text == first


def test_a_word_longer_than_any_window_is_cut_and_kept_whole_together():
    text = "a" * 1000 + " end"
    pieces = split("", text, Recipe(22), TOKENIZERS["parts of words"])
    assert [len(piece.text) for piece in pieces] == [80] * 12 + [44]
    assert "".join(piece.text for piece in pieces) == text


def test_tokens_without_characters_do_no_harm():
    """As tokenizers give that put a mark before a text."""
    pieces = split("", "one two three", Recipe(1 + SPECIAL_TOKENS), lambda _: [0, 0, 0, 3, 7, 13])
    assert "".join(piece.text for piece in pieces) == "one two three"


def test_a_change_moves_no_boundary_before_it():
    text = " ".join(f"This is sentence number {n}." for n in range(200))
    before = split("", text, Recipe(60), TOKENIZERS["words"])
    after = split("", text.replace("number 150", "CHANGED 150"), Recipe(60), TOKENIZERS["words"])
    same = [a == b for a, b in zip(before, after, strict=False)]
    assert same.index(False) > 0.6 * len(before)


def test_passages_of_equal_text_have_ids_of_their_own_that_stay_when_others_move():
    ids = passage_ids("doc", ["same", "other", "same"], "facets")
    assert len(set(ids)) == 3
    assert passage_ids("doc", ["new", "same", "same"], "facets")[1:] == [ids[0], ids[2]]
    assert set(passage_ids("doc", ["same"], "changed")).isdisjoint(ids)
    assert set(passage_ids("another", ["same"], "facets")).isdisjoint(ids)


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_recipes_of_another_window_have_another_fingerprint(a, b):
    assert (Recipe(a).fingerprint == Recipe(b).fingerprint) == (a == b)
