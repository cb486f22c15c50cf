"""Freshet's own worker, wired as ever, with a model that never answers.

`python -m tests.support.hanging_worker worker`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from freshet.cli.processes import run, run_worker
from freshet.search.embedding.base import Embedded, Embedder, Purpose
from freshet.settings import Settings
from tests.support.embedder import CountingEmbedder


class HangingEmbedder(CountingEmbedder):
    """Takes texts and keeps them."""

    async def embed(self, texts: Sequence[str], *, purpose: Purpose = "index") -> Embedded:
        await asyncio.Event().wait()
        return await super().embed(texts, purpose=purpose)


def load(_: Settings) -> Embedder:
    return HangingEmbedder()


if __name__ == "__main__":
    run(partial(run_worker, load=load))
