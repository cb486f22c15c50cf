"""Where the tokens of a text end: by the model's own tokenizer, or estimated where that cannot be had."""

from __future__ import annotations

import re
from typing import Final

from tokenizers import Tokenizer

from freshet.schemas.errors import PermanentError

# Byte-pair tokenizers keep common words whole and cut rare ones into pieces of about three letters.
_LETTERS_A_TOKEN: Final = 3
_LONGEST_TOKEN: Final = 16  # characters; only of words that are no words a window holds more
_PARTS: Final = re.compile(r"[A-Za-z]+|\S")


def bare(tokenizer: Tokenizer) -> Tokenizer:
    """A copy that neither cuts nor pads: files of tokenizers often carry both, at other lengths than the model's."""
    copy: Tokenizer = Tokenizer.from_str(tokenizer.to_str())
    copy.no_truncation()
    copy.no_padding()
    return copy


def exact_ends(tokenizer: Tokenizer, text: str) -> list[int]:
    """See `Embedder.token_ends`. The tokenizer must be bare. Raises PermanentError for what is not Unicode text."""
    try:
        encoding = tokenizer.encode(text, add_special_tokens=False)
    except TypeError as error:
        raise not_unicode(error) from error
    return [end for _, end in encoding.offsets]


def estimated_ends(text: str) -> list[int]:
    """See `Embedder.token_ends`, without a tokenizer: rather too many tokens than too few.

    A token for each three letters begun, one for each digit and sign, and beyond ASCII one for each byte of UTF-8 but
    the first: for English prose about half again as many as the usual byte-pair tokenizers give.
    """
    ends: list[int] = []
    for match in _PARTS.finditer(text):
        start, end = match.span()
        if text[start] < "\x80":
            ends += [min(at + _LETTERS_A_TOKEN, end) for at in range(start, end, _LETTERS_A_TOKEN)]
        else:
            ends += [end] * (len(text[start].encode("utf-8", "surrogatepass")) - 1)
    return ends


def seen(text: str, window: int) -> str:
    """What of a text a window can hold at most.

    A tokenizer that cuts a pair also makes all pairs of what it cut off: of two long texts that is memory without end.
    """
    return text[: window * _LONGEST_TOKEN]


def not_unicode(cause: Exception) -> PermanentError:
    """What to raise for a text that a tokenizer does not take: half of a surrogate pair is no character."""
    return PermanentError("tokenise", f"the text is not valid Unicode ({cause})", hint="look for lone surrogates in it")
