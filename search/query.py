"""The text that a user asks with, as the model gets it."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_SPACE: Final = re.compile(r"\s+")
# Control characters that are no white space, byte order marks, and halves of surrogate pairs.
_NOISE: Final = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ufeff\ud800-\udfff]")
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})


def normalise(text: str) -> str:
    """One spelling for texts that look alike: NFC, single spaces, no control characters; "" where nothing is visible.

    Compatibility forms (NFKC) are left alone, for documents are embedded with theirs.
    """
    text = unicodedata.normalize("NFC", _NOISE.sub("", text))
    text = _SPACE.sub(" ", text).strip()
    return text if any(unicodedata.category(character) not in _INVISIBLE for character in text) else ""
