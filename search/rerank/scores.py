"""Arithmetic that every adapter needs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from freshet.search.rerank.base import Scores


def sigmoid(logits: NDArray[Any]) -> Scores:
    """Numbers of any size brought to 0…1 in their order; in float64, so that far below 0 they stay apart."""
    return np.exp(-np.logaddexp(0.0, -np.asarray(logits, np.float64))).astype(np.float32)
