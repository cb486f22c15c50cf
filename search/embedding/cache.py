"""The port to a cache of vectors, and the key under which a text's vector lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from freshet.search.embedding.base import Model, Purpose

_DIGEST_BYTES: Final = 24


@dataclass(frozen=True, slots=True, eq=False)
class CachedVector:
    """A vector (dimension,), and the tokens that need not be embedded again where it is found."""

    vector: NDArray[np.float32]
    tokens: int


class EmbeddingCache(Protocol):
    """Vectors by key. It may lose any of them at any time, and never gives back another than was put in.

    No method raises for a cache that is away: what cannot be had is a miss, what cannot be put is dropped.
    """

    async def get_many(self, keys: Sequence[str]) -> list[CachedVector | None]:
        """What is known, in the order of the keys; None where nothing is. The vectors are not to be written to."""
        ...

    async def put_many(self, entries: Mapping[str, CachedVector]) -> None:
        """Keep these. The vectors are copied, so their arrays may be used again."""
        ...

    async def close(self) -> None:
        """Release memory or connections. Idempotent."""
        ...


def cache_key(model: Model, purpose: Purpose, text: str) -> str:
    """Where a text's vector lies: the model's fingerprint and a digest of the text.

    The purpose is part of it, because many models put another prompt before a query than before a document.
    """
    # "surrogatepass": a text that is no valid Unicode gets a key, and its error from the model, not from here.
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).hexdigest()
    return f"{model.fingerprint}:{purpose}:{digest}"
