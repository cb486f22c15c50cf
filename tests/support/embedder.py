"""A deterministic embedder for tests of the log, which counts what it embeds. It claims nothing of meaning."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from freshet.schemas.errors import PermanentError
from freshet.search.embedding.base import Embedded, Model, Purpose

DIMENSION = 8


class CountingEmbedder:
    """Vectors from digests; refuses the texts that contain `poison`."""

    def __init__(self, *, poison: str | None = None) -> None:
        self.texts: list[str] = []
        self.requests = 0
        self.poison = poison

    @property
    def model(self) -> Model:
        return Model("test", "digest", DIMENSION, 32)

    async def embed(self, texts: Sequence[str], *, purpose: Purpose = "index") -> Embedded:  # noqa: ARG002
        if self.poison is not None and any(self.poison in text for text in texts):
            raise PermanentError("embed", "the model refuses this text")
        self.texts += texts
        self.requests += 1
        vectors = np.array([vector_of(text) for text in texts], np.float32).reshape(len(texts), DIMENSION)
        return Embedded(vectors, sum(len(text.split()) for text in texts))

    def token_ends(self, text: str) -> Sequence[int]:
        return word_ends(text)

    async def close(self) -> None:
        return


def vector_of(text: str) -> np.ndarray:
    raw = np.frombuffer(blake2b(text.encode(), digest_size=DIMENSION).digest(), np.uint8).astype(np.float32) - 127.5
    return np.asarray(raw / np.linalg.norm(raw), np.float32)


def word_ends(text: str) -> list[int]:
    """Where each word of a text ends, for models whose tokens are words."""
    ends, at = [], 0
    for word in text.split():
        at = text.index(word, at) + len(word)
        ends.append(at)
    return ends
