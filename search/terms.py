"""The words of a text with their places, in a form in which words that say the same are equal.

A word is a run of letters, digits and underscores with their combining marks, in NFKC, case folded and cut to its stem
by Snowball's stemmer for English. Chinese, Japanese and Korean are not divided into words: there each character is a
term, and each pair of neighbours.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Iterator
from typing import Final, NamedTuple

import Stemmer

_CJK: Final = "々〇〡-〩〱-〵ぁ-ゖゝ-ゟァ-ヺー-ヿㄅ-ㄯㇰ-ㇿ㐀-䶿一-鿿가-힣豈-﫿ｦ-ﾝ\U00020000-\U0003fffd"
_VOICED: Final = "\u3099\u309aﾞﾟ"  # sound marks that some texts write as characters of their own
_MARKS: Final = "".join(  # above there are variation selectors only
    re.escape(character) for character in map(chr, range(0x1F000)) if unicodedata.category(character).startswith("M")
)
# The first part is for speed: most words are ASCII, and searching the large classes takes five times as long.
_WORD: Final = re.compile(
    rf"[A-Za-z0-9_]++(?![^\x00-\x7f])|(?P<cjk>(?:[{_CJK}][{_VOICED}]*)+)|[^\W{_CJK}]+(?:[{_MARKS}]+[^\W{_CJK}]*)*"
)
_CHARACTER: Final = re.compile(rf"[{_CJK}][{_VOICED}]*")
_STOP_WORDS: Final = (  # with what the apostrophes of English leave
    "a about after again all also am an and any are aren as at be because been before being but by can could "
    "couldn d did didn do does doesn doing don down each few for from further get had hadn has hasn have having "
    "he her here hers him his how i if in into is isn it its just ll m me more most must my no nor not now of off "
    "on once only or other our ours out over own please re s same shall she should shouldn so some such t than "
    "that the their theirs them then there these they this those through to too under until up us ve very was "
    "wasn we were weren what when where which while who whom whose why will with would wouldn you your yours"
)


class Term(NamedTuple):
    """A word's stem and its place: `text[start:end]`, in code points of the text as it was given."""

    stem: str
    start: int
    end: int


def terms(text: str) -> Iterator[Term]:
    """The terms of a text by their starts; of two with one start the shorter first. Any thread may call this."""
    return _terms(text, every_character=True)


def asked_terms(query: str) -> frozenset[str]:
    """The stems that a query asks for: without stop words, unless it holds nothing else.

    Of Chinese, Japanese and Korean these are pairs; a single character says too little, unless it stands alone.
    """
    stems = {term.stem for term in _terms(query, every_character=False)}
    return frozenset(stems - _STOP_STEMS or stems)


def _terms(text: str, *, every_character: bool) -> Iterator[Term]:
    for match in _WORD.finditer(text):
        if match.lastgroup is None:
            yield Term(_stem(match[0]), match.start(), match.end())
        else:
            yield from _characters(text, match.span(), every=every_character)


def _characters(text: str, run: tuple[int, int], *, every: bool) -> Iterator[Term]:
    places = [match.span() for match in _CHARACTER.finditer(text, *run)]
    for number, (start, end) in enumerate(places, 1):
        if every or len(places) == 1:
            yield Term(_folded(text[start:end]), start, end)
        if number < len(places):
            after = places[number][1]
            yield Term(_folded(text[start:after]), start, after)


def _folded(word: str) -> str:
    return unicodedata.normalize("NFKC", word).casefold()


class _Stemmer(threading.local):
    """A stemmer keeps a buffer and a cache of words that no two threads may use at once, so each has its own."""

    def __init__(self) -> None:
        self.stem = Stemmer.Stemmer("english").stemWord


_STEMMER: Final = _Stemmer()


def _stem(word: str) -> str:
    stem: str = _STEMMER.stem(_folded(word))
    return stem


_STOP_STEMS: Final = frozenset(_stem(word) for word in _STOP_WORDS.split())
