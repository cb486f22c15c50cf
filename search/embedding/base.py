"""The port to an embedding model, and what identifies a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from freshet.schemas.keys import digest

Vectors = NDArray[np.float32]
Purpose = Literal["index", "query"]


@dataclass(frozen=True, slots=True)
class Model:
    """What identifies a model: vectors of equal fingerprints are interchangeable.

    `variant` names what changes vectors for good (integer precision, reduced dimension, another pooling), and is empty
    for float precision, which does not. `max_tokens` counts the model's special tokens in. `usd_per_million_tokens` is
    the provider's price, 0 for a model that we run ourselves; it is not part of the fingerprint.
    """

    provider: str
    name: str
    dimension: int
    max_tokens: int
    variant: str = ""
    usd_per_million_tokens: float = 0.0

    @property
    def fingerprint(self) -> str:
        """Digest of name, dimension and variant; the provider is left out, because two may run the same model."""
        return digest("model", self.name, str(self.dimension), self.variant)


@dataclass(frozen=True, slots=True)
class Embedded:
    """Vectors in the order of the texts, shape (n, dimension), of unit length; `tokens` that the model was given.

    `shares` are those of each text, 0 where its vector was known already; None where nobody asked a cache.
    """

    vectors: Vectors
    tokens: int
    shares: Sequence[int] | None = None


class Embedder(Protocol):
    """A model that turns texts into vectors. Every method is safe to call from several tasks at once."""

    @property
    def model(self) -> Model: ...

    async def embed(self, texts: Sequence[str], *, purpose: Purpose = "index") -> Embedded:
        """Embed texts; the event loop stays free while it works. An empty list gives shape (0, dimension).

        A text longer than the model's window is cut at it. Raises TransientError, OverloadedError or PermanentError
        (which speaks of the whole call: divide it to find the culprit).
        """
        ...

    def token_ends(self, text: str) -> Sequence[int]:
        """For each token of `text`, without special tokens: the index of the character after its last. Ascending.

        A model whose tokenizer cannot be had estimates, and rather gives too many tokens than too few.
        """
        ...

    async def close(self) -> None:
        """Release the model's memory or connections. Idempotent."""
        ...
