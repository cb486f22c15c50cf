"""What servers that rerank are sent, and what they answer: text-embeddings-inference, and the API that Cohere began."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from freshet.schemas.errors import DeniedError, PermanentError, TransientError
from freshet.search.rerank.base import Scores

Api = Literal["tei", "cohere"]
OPERATION: Final = "rerank over HTTP"


@dataclass(frozen=True, slots=True)
class Dialect:
    """A body is made of model, query and texts; of the answer `items` are taken, each with an index and `score`."""

    body: Callable[[str, str, Sequence[str]], Mapping[str, Any]]
    items: Callable[[Any], Any]
    score: str
    batch: int  # texts that every server takes in one request


def _tei(_: str, query: str, texts: Sequence[str]) -> Mapping[str, Any]:
    return {"query": query, "texts": texts, "truncate": True, "raw_scores": False}


def _cohere(model: str, query: str, texts: Sequence[str]) -> Mapping[str, Any]:
    return {"model": model, "query": query, "documents": texts, "top_n": len(texts)}


DIALECTS: Final[Mapping[Api, Dialect]] = {
    "tei": Dialect(_tei, lambda answer: answer, "score", batch=32),
    "cohere": Dialect(
        _cohere, lambda answer: answer.get("results") if isinstance(answer, dict) else None, "relevance_score", 100
    ),
}


def scores_of(answer: Any, dialect: Dialect, count: int) -> Scores:
    """The scores of an answer in the order of the texts.

    Raises TransientError where it holds no scores at all (a page that says to come back), DeniedError where they are
    not those that were asked for, which is no text's fault, and PermanentError for a score that means nothing.
    """
    items = dialect.items(answer)
    if not isinstance(items, list):
        raise TransientError(OPERATION, "the answer holds no scores", hint="is it the right address and API?")
    try:
        found = {item["index"]: float(item[dialect.score]) for item in items}
    except (TypeError, KeyError, ValueError) as error:
        raise DeniedError(OPERATION, "a result has no index and score", hint="is it the right API?") from error
    if len(items) != count or set(found) != set(range(count)):
        raise DeniedError(OPERATION, f"{count} texts were sent, and not one score for each came back")
    scores = np.array([found[row] for row in range(count)])
    if not np.isfinite(scores).all():
        raise PermanentError(OPERATION, "a score is not finite")
    if scores.min() < 0 or scores.max() > 1:
        raise DeniedError(OPERATION, "a score is not between 0 and 1", hint="let the server apply the sigmoid")
    return scores.astype(np.float32)
