"""The text that a user asks with, as the model gets it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from freshet.schemas.words import Word
from freshet.search.embedding.base import Model
from freshet.search.passages import SPECIAL_TOKENS

_SPACE: Final = re.compile(r"\s+")
# Control characters that are no white space, byte order marks, and halves of surrogate pairs.
_NOISE: Final = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ufeff\ud800-\udfff]")
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})


class Step(Word):
    """What was changed of a query before it was searched for."""

    CONTROL_CHARACTERS = "control_characters", "characters that stand for nothing were left out"
    UNICODE = "unicode", "characters that can be written in several ways were written in one (NFC)"
    WHITESPACE = "whitespace", "white space was made single spaces"
    INVISIBLE = "invisible", "nothing that can be seen was in it"


@dataclass(frozen=True, slots=True)
class Query:
    """A query in one spelling, and the steps that made it that; `text` is "" where nothing is visible."""

    text: str
    steps: tuple[Step, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not self.text


def read_query(given: str) -> Query:
    """One spelling for texts that look alike: NFC, single spaces, no control characters, and not only invisible ones.

    Compatibility forms (NFKC) are left alone, for documents are embedded with theirs.
    """
    text, steps = given, []
    for step, change in _STEPS:
        changed = change(text)
        if changed != text:
            steps.append(step)
        text = changed
    return Query(text, tuple(steps))


def normalise(text: str) -> str:
    """The text of `read_query`."""
    return read_query(text).text


def too_long(query: str, model: Model, token_ends: Callable[[str], Sequence[int]]) -> str | None:
    """What is wrong with a query of more tokens than the model takes, as a sentence; None where nothing is.

    Its end would be left out in silence. `token_ends` (`Embedder.token_ends`) is asked where there may be too many.
    """
    limit = model.max_tokens - SPECIAL_TOKENS
    if _most_tokens(query) <= limit:
        return None
    tokens = len(token_ends(query))
    return f"has {tokens} tokens, the model takes {limit}" if tokens > limit else None


def _most_tokens(text: str) -> int:
    """A bound: a token has a byte at least, of the text as it is or as tokenizers take it apart."""
    if text.isascii():
        return len(text)
    return max(len(form.encode("utf-8", "surrogatepass")) for form in (text, unicodedata.normalize("NFKD", text)))


def _visible(text: str) -> str:
    return text if any(unicodedata.category(character) not in _INVISIBLE for character in text) else ""


_STEPS: Final[tuple[tuple[Step, Callable[[str], str]], ...]] = (
    (Step.CONTROL_CHARACTERS, lambda text: _NOISE.sub("", text)),
    (Step.UNICODE, lambda text: unicodedata.normalize("NFC", text)),
    (Step.WHITESPACE, lambda text: _SPACE.sub(" ", text).strip()),
    (Step.INVISIBLE, _visible),
)
