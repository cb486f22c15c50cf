"""Splitting a document into passages that fill the model's window, losing no character."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from freshet.schemas.keys import digest, passage_id

SPECIAL_TOKENS: Final = 2
TITLE_SHARE: Final = 4  # a title takes at most this part of the window, so that it never crowds out its passage
# Where a passage may end, best first: paragraph, sentence (Latin, Arabic, Devanagari, CJK), clause or line, word.
_ENDS: Final = (
    re.compile(r"\n\s*\n"),
    re.compile(r"[.!?;؟।][\"')\]]*\s+|[。！？]"),
    re.compile(r"[,:]\s+|\n|、|，"),
    re.compile(r"\s+"),
)
_SEEK: Final = 0.5  # a boundary is taken only in the second half of the window, else passages get needlessly short


@dataclass(frozen=True, slots=True)
class Recipe:
    """How documents become passages; part of a version's fingerprint. `window` is in tokens, specials included."""

    window: int

    @property
    def fingerprint(self) -> str:
        return digest("passages", "window-fill/1", "title. text", str(self.window))


@dataclass(frozen=True, slots=True)
class Piece:
    """A passage before it has a vector: its text, the text that the model is given (the title before it), and how
    many tokens that has, without special ones.
    """

    text: str
    embedded: str
    tokens: int


def split(title: str, text: str, recipe: Recipe, token_ends: Callable[[str], Sequence[int]]) -> list[Piece]:
    """Cut `text` at ends of paragraphs, sentences or words so that each piece fits the window with the title before it.

    The pieces joined give `text` back, to the character. An empty text gives one empty piece where there is a title, so
    that a document without text can be found by it, and none otherwise.
    """
    prefix = _prefix(title, recipe, token_ends)
    before = len(token_ends(prefix)) if prefix else 0
    room = max(recipe.window - SPECIAL_TOKENS - before, 1)
    pieces = _cut(text, token_ends(text), room) if text else [("", 0)] * bool(prefix)
    return [Piece(piece, prefix + piece, before + tokens) for piece, tokens in pieces]


def passage_ids(key: str, texts: Sequence[str], facets: str) -> list[str]:
    """Ids of a document's passages in order; equal texts are told apart by their occurrence."""
    seen: Counter[str] = Counter()
    ids = []
    for text in texts:
        ids.append(passage_id(key, text, seen[text], facets))
        seen[text] += 1
    return ids


def _prefix(title: str, recipe: Recipe, token_ends: Callable[[str], Sequence[int]]) -> str:
    title = title.strip()
    if not title:
        return ""
    ends, room = token_ends(title), recipe.window // TITLE_SHARE
    return f"{title if len(ends) <= room else title[: ends[room - 1]]}. "


def _cut(text: str, ends: Sequence[int], room: int) -> list[tuple[str, int]]:
    """The pieces, each with its number of tokens."""
    pieces, start, token = [], 0, 0
    while len(ends) - token > room:
        end = _boundary(text, start, _reach(text, ends, token, room))
        after = bisect_right(ends, end)
        pieces.append((text[start:end], after - token))
        start, token = end, after
    if start < len(text):
        pieces.append((text[start:], len(ends) - token))
    return pieces


def _reach(text: str, ends: Sequence[int], token: int, room: int) -> int:
    """How far a passage from `token` on may reach: `room` tokens and the white space up to the next."""
    following = token + room
    limit = ends[following - 1]
    if ends[following] == limit:  # a character of several tokens is taken whole or left to the next passage
        first = bisect_left(ends, limit, token)
        following = first if first > token else bisect_right(ends, limit)
        limit = ends[following - 1]
    while limit < len(text) and text[limit].isspace() and (following == len(ends) or limit + 1 < ends[following]):
        limit += 1  # what is no token goes with the sentence before it
    return limit


def _boundary(text: str, start: int, limit: int) -> int:
    """The best place to end a passage that begins at `start` and may reach `limit`."""
    earliest = start + max(1, int((limit - start) * _SEEK))
    for pattern in _ENDS:
        ends = [match.end() for match in pattern.finditer(text, earliest, limit)]
        if ends:
            return ends[-1]
    return max(limit, start + 1)  # a token may be empty
