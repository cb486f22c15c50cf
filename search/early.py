"""The vector of a query, begun before it is known which version the query is for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from freshet.search.asking import Asked, InvalidSearch
from freshet.search.embedding.base import Embedder
from freshet.search.index.records import Vector
from freshet.search.metrics import Stage
from freshet.search.query import too_long
from freshet.search.timing import Timer


class QueryVector:
    """Embeds one query: with the model that is likely to be asked for at once, with another when that is asked for."""

    def __init__(self, asked: Asked, timer: Timer) -> None:
        self._asked = asked
        self._timer = timer
        self._begun: tuple[str, asyncio.Task[Vector]] | None = None

    @contextmanager
    def begun(self, embedder: Embedder) -> Iterator[QueryVector]:
        """Embedding goes on while the block runs; what nobody has asked for by its end is given up."""
        if self._wanted and not self._mistake(embedder):
            task = asyncio.create_task(self._embed(embedder))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())  # if nobody asks for it
            self._begun = embedder.model.fingerprint, task
        try:
            yield self
        finally:
            if self._begun is not None:
                self._begun[1].cancel()

    async def by(self, embedder: Embedder) -> Vector | None:
        """By this model; None where no list wants one. Raises InvalidSearch for too long a query, and as `embed`."""
        if not self._wanted:
            return None
        if self._begun is not None and self._begun[0] == embedder.model.fingerprint:
            return await self._begun[1]
        if mistake := self._mistake(embedder):
            raise InvalidSearch("query", mistake)
        return await self._embed(embedder)

    @property
    def _wanted(self) -> bool:
        return "dense" in self._asked.lists

    def _mistake(self, embedder: Embedder) -> str | None:
        return too_long(self._asked.query.text, embedder.model, embedder.token_ends)

    async def _embed(self, embedder: Embedder) -> Vector:
        with self._timer.stage(Stage.EMBED):
            embedded = await embedder.embed([self._asked.query.text], purpose="query")
        vector: Vector = embedded.vectors[0]
        return vector
