"""The words of a text with their places, in a form in which words that say the same are equal.

A word is a run of letters, digits and underscores with their combining marks, in NFKC, case folded and cut to its stem
by Snowball's stemmer for the language. Chinese, Japanese and Korean are not divided into words: there each character is
a term, and each pair of neighbours.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Final, NamedTuple

import Stemmer

from freshet.search.languages import STEMMERS, STOP_WORDS

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


class Term(NamedTuple):
    """A word's stem and its place: `text[start:end]`, in code points of the text as it was given."""

    stem: str
    start: int
    end: int


def terms(text: str, language: str = "en") -> Iterator[Term]:
    """The terms of a text by their starts; of two with one start the shorter first. Any thread may call this."""
    return _terms(text, language, every_character=True)


def content_stems(text: str, language: str = "en") -> list[str]:
    """The stems of a text without its stop words, each as often as it is there."""
    stop = stop_stems(language)
    return [term.stem for term in terms(text, language) if term.stem not in stop]


def asked_terms(query: str, languages: Sequence[str] = ("en",)) -> frozenset[str]:
    """The stems that a query asks for, in each of the languages: without stop words, unless it holds nothing else.

    Of Chinese, Japanese and Korean these are pairs; a single character says too little, unless it stands alone.
    """
    asked: set[str] = set()
    for language in languages:
        stems = {term.stem for term in _terms(query, language, every_character=False)}
        asked |= stems - stop_stems(language) or stems
    return frozenset(asked)


@cache
def stop_stems(language: str) -> frozenset[str]:
    """The stems of a language's stop words."""
    return frozenset(_STEMMER.stem(_folded(word), language) for word in STOP_WORDS.get(language, "").split())


def _terms(text: str, language: str, *, every_character: bool) -> Iterator[Term]:
    for match in _WORD.finditer(text):
        if match.lastgroup is None:
            yield Term(_STEMMER.stem(_folded(match[0]), language), match.start(), match.end())
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


class _Stemmers(threading.local):
    """A stemmer keeps a buffer and a cache of words that no two threads may use at once, so each has its own."""

    def __init__(self) -> None:
        self._stem_word: dict[str, Callable[[str], str]] = {}

    def stem(self, word: str, language: str) -> str:
        found = self._stem_word.get(language)
        if found is None:
            found = self._stem_word[language] = Stemmer.Stemmer(STEMMERS[language]).stemWord
        return found(word)


_STEMMER: Final = _Stemmers()
