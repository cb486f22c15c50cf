"""Logits become scores without losing their order."""

import numpy as np
import pytest

from freshet.search.rerank.scores import sigmoid


def test_scores_lie_between_0_and_1_and_keep_the_order_far_below_0():
    scores = sigmoid(np.array([-1e4, -60, -12.001, -12, -1, 0, 1, 8, 1e4], np.float32))
    assert scores.dtype == np.float32
    assert (np.diff(scores) > 0).all()
    assert (scores[0], scores[5], scores[-1]) == (0, 0.5, 1)


def test_they_are_the_logistic_function():
    assert sigmoid(np.array([2.0])) == pytest.approx(0.880797)
