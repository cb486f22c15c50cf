"""What each text of a call to a model took of it: models report only the sum."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def apportion(tokens: int, texts: Sequence[str]) -> list[int]:
    """Each text's part of `tokens`, by its length; the parts add up."""
    lengths = np.array([len(text) + 1 for text in texts])
    shares = np.diff(np.rint(np.cumsum(lengths) * (tokens / lengths.sum())), prepend=0.0)
    return [int(share) for share in shares]
