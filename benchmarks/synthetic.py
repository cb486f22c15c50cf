"""Texts that mean nothing and vectors that go with them, for what depends on how many there are and how they change.

`python -m benchmarks.synthetic worker` (or `search`) is Freshet's own process with a model that adds up directions of
words: texts that share words are near. A passage is about one of many subjects, and so is a query.
"""

from __future__ import annotations

import random
import sys
from bisect import bisect_left
from collections.abc import Sequence
from functools import cache, partial
from itertools import accumulate
from typing import Any, Final

import numpy as np

from freshet.cli.processes import run, run_search, run_worker
from freshet.schemas.events import Upsert
from freshet.search.embedding.base import Embedded, Model, Purpose
from freshet.settings import Settings
from tests.support.embedder import word_ends

DIMENSION: Final = 384
SUBJECTS: Final = 1_000
SUBJECT_WORDS: Final = 30
COMMON_WORDS: Final = 2_000
PASSAGE_WORDS: Final = 24
PASSAGES: Final = 4  # of a document
WINDOW: Final = PASSAGE_WORDS + 2  # of the model: with its two special tokens
PROCESSES: Final = {"worker": run_worker, "search": run_search}


class SyntheticEmbedder:
    """A direction for each word, by chance; a text is the sum of its words'."""

    model = Model("synthetic", "words", DIMENSION, WINDOW)

    async def embed(self, texts: Sequence[str], *, purpose: Purpose = "index") -> Embedded:  # noqa: ARG002
        sums = np.stack([np.sum([_direction(word) for word in text.split()], axis=0) for text in texts])
        vectors = sums / np.linalg.norm(sums, axis=1, keepdims=True)
        return Embedded(vectors.astype(np.float32), sum(len(text.split()) for text in texts))

    def token_ends(self, text: str) -> Sequence[int]:
        return word_ends(text)

    async def close(self) -> None:
        return


@cache
def _direction(word: str) -> Any:
    seed = int.from_bytes(word.encode(), "little") % 2**32
    return np.random.default_rng(seed).normal(size=DIMENSION).astype(np.float32)


class Library:
    """Documents of four passages each, which can be edited one passage at a time; from a seed."""

    def __init__(self, documents: int, seed: int = 1) -> None:
        self._rng = random.Random(seed)
        self._passages = [[self._passage() for _ in range(PASSAGES)] for _ in range(documents)]

    def all(self) -> list[Upsert]:
        return [self._event(number) for number in range(len(self._passages))]

    def edit(self) -> Upsert:
        """Another passage in the place of one."""
        number = self._rng.randrange(len(self._passages))
        self._passages[number][self._rng.randrange(PASSAGES)] = self._passage()
        return self._event(number)

    def _event(self, number: int) -> Upsert:
        return Upsert(id=f"d{number}", text=" ".join(self._passages[number]))

    def _passage(self) -> str:
        subject = self._rng.randrange(SUBJECTS)
        words = [
            f"s{subject}w{self._rng.randrange(SUBJECT_WORDS)}"
            if self._rng.random() < 0.5
            else f"common{self._rng.randrange(COMMON_WORDS)}"
            for _ in range(PASSAGE_WORDS)
        ]
        return " ".join(words)


def queries(number: int, seed: int = 2) -> list[str]:
    """So many different ones: three words of one subject."""
    rng = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < number:
        subject = rng.randrange(SUBJECTS)
        found[" ".join(f"s{subject}w{word}" for word in rng.sample(range(SUBJECT_WORDS), 3))] = None
    return list(found)


class Zipf:
    """Draws from so many by Zipf's law: the n-th is asked for 1 / n ** exponent times as often as the first."""

    def __init__(self, number: int, exponent: float, rng: random.Random) -> None:
        self._sums = list(accumulate(1 / rank**exponent for rank in range(1, number + 1)))
        self._rng = rng

    def draw(self) -> int:
        return bisect_left(self._sums, self._rng.random() * self._sums[-1])


def main(command: str) -> None:
    def load(_: Settings) -> SyntheticEmbedder:
        return SyntheticEmbedder()

    run(partial(PROCESSES[command], load=load))


if __name__ == "__main__":
    main(sys.argv[1])
