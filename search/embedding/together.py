"""An embedder in which queries that arrive together are embedded together, and one that is alone never waits."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import Final

from freshet.schemas.errors import DeniedError, PermanentError, TransientError
from freshet.search.embedding.base import Embedded, Embedder, Model, Purpose
from freshet.search.embedding.shares import apportion
from freshet.search.load import Average, Shed, ShedError

_OPERATION: Final = "embed the query"


@dataclass(eq=False, slots=True)
class _Asked:
    """Texts that somebody waits for; `call` is what works on them, once something does."""

    texts: tuple[str, ...]
    answer: asyncio.Future[Embedded]
    call: _Call | None = None


@dataclass(eq=False, slots=True)
class _Call:
    """One call to the model, for everybody in it."""

    batch: Sequence[_Asked]
    work: asyncio.Future[Embedded]

    def give_up(self) -> None:
        """End the work where nobody waits for it any more."""
        if all(asked.answer.done() for asked in self.batch):
            self.work.cancel()


class TogetherEmbedder:
    """While `at_once` calls to the model run, queries wait and go together in the next one, up to `most` texts.

    There is no timer: where no call runs a query is sent at once. Texts to be indexed come in windows already and pass.
    `Embedded.tokens` adds up to what the model was given: of equal texts in a call the first is counted. Owns the
    embedder. For one event loop.
    """

    def __init__(
        self,
        embedder: Embedder,
        *,
        most: int = 16,
        at_once: int = 1,
        waiting: int = 1024,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._embedder = embedder
        self._most = most
        self._at_once = at_once
        self._room = waiting
        self._clock = clock
        self._waiting: dict[_Asked, None] = {}
        self._senders: set[asyncio.Task[None]] = set()
        self._sending = 0
        self._took = Average()
        self._closed = False

    @property
    def model(self) -> Model:
        return self._embedder.model

    async def embed(self, texts: Sequence[str], *, purpose: Purpose = "index") -> Embedded:
        """As `Embedder.embed`, and ShedError (an OverloadedError) where too many queries wait."""
        if purpose != "query" or not texts:
            return await self._embedder.embed(texts, purpose=purpose)
        if self._closed:
            raise _closed()
        if len(self._waiting) >= self._room:
            calls = math.ceil(len(self._waiting) / self._most / self._at_once)
            raise ShedError(_OPERATION, Shed.EMBEDDING, retry_after=calls * (self._took.value or 0.0))
        asked = _Asked(tuple(texts), asyncio.get_running_loop().create_future())
        self._waiting[asked] = None
        self._wake()
        try:
            return await asked.answer
        except asyncio.CancelledError:
            self._waiting.pop(asked, None)
            if asked.call is not None:
                asked.call.give_up()
            raise

    def token_ends(self, text: str) -> Sequence[int]:
        """As `Embedder.token_ends`."""
        return self._embedder.token_ends(text)

    async def close(self) -> None:
        """Whoever still waits gets a TransientError. Idempotent."""
        self._closed = True
        for sender in self._senders:
            sender.cancel()
        await asyncio.gather(*self._senders, return_exceptions=True)
        _fail(list(self._waiting), _closed())
        self._waiting.clear()
        await self._embedder.close()

    def _wake(self) -> None:
        if self._sending < self._at_once:
            self._sending += 1
            # A context of its own: what is logged there belongs to no single request.
            sender = asyncio.create_task(self._send_all(), context=Context())
            self._senders.add(sender)
            sender.add_done_callback(self._senders.discard)

    async def _send_all(self) -> None:
        """Send until nobody waits. A batch is taken when it is sent, so it holds whoever came in the same moment."""
        try:
            while batch := self._take():
                await self._send(batch)
        finally:
            self._sending -= 1

    def _take(self) -> list[_Asked]:
        """The first who wait, with as many texts as go into a call; at least one of them."""
        batch: list[_Asked] = []
        texts: set[str] = set()
        for asked in self._waiting:
            if batch and len(texts.union(asked.texts)) > self._most:
                break
            texts.update(asked.texts)
            batch.append(asked)
        for asked in batch:
            del self._waiting[asked]
        return batch

    async def _send(self, batch: Sequence[_Asked]) -> None:
        """Answer these, whatever happens. What the model refuses is sent in halves, so that no text fails others."""
        batch = [asked for asked in batch if not asked.answer.done()]
        if not batch:
            return
        try:
            await self._call(batch)
        except asyncio.CancelledError:
            if self._closed or not all(asked.answer.done() for asked in batch):
                _fail(batch, _closed())
                raise  # else everybody has gone, and the next may be sent
        except PermanentError as error:
            if isinstance(error, DeniedError) or len({asked.texts for asked in batch}) == 1:
                _fail(batch, error)
            else:
                middle = len(batch) // 2
                await self._send(batch[:middle])
                await self._send(batch[middle:])
        except Exception as error:  # noqa: BLE001 (it belongs to those who asked)
            _fail(batch, error)

    async def _call(self, batch: Sequence[_Asked]) -> None:
        texts = list(dict.fromkeys(text for asked in batch for text in asked.texts))
        call = _Call(batch, asyncio.ensure_future(self._embedder.embed(texts, purpose="query")))
        for asked in batch:
            asked.call = call
        start = self._clock()
        embedded = await call.work
        self._took.add(self._clock() - start)
        _share(embedded, texts, batch)


def _share(embedded: Embedded, texts: Sequence[str], batch: Sequence[_Asked]) -> None:
    """Give each of a batch its vectors, and to the first with a text what that text took."""
    rows = {text: row for row, text in enumerate(texts)}
    tokens = dict(zip(texts, apportion(embedded.tokens, texts), strict=True))
    for asked in batch:
        vectors = embedded.vectors[[rows[text] for text in asked.texts]]
        share = sum(tokens.pop(text, 0) for text in asked.texts)
        if not asked.answer.done():
            asked.answer.set_result(Embedded(vectors, share))


def _fail(batch: Sequence[_Asked], error: Exception) -> None:
    for asked in batch:
        if not asked.answer.done():
            asked.answer.set_exception(error)


def _closed() -> TransientError:
    return TransientError(_OPERATION, "the model was closed")
