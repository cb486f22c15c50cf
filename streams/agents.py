"""The stages of the worker as Faust agents: each takes a batch, calls the room that does the work, and hands it on.

    documents → decode → plan → embed → write → announce → commit

An agent that raises loses the item in hand, so no stage does: `Stages.run` catches everything and ends the process,
for what is not committed is delivered again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

import faust

from freshet.streams.app import Documents, Pipe
from freshet.streams.batch import Batch
from freshet.streams.letters import STATE
from freshet.streams.metrics import WorkerMetrics

DEAD_LETTER_REASON = "reason"
Work = Callable[[Batch], Awaitable[None]]


class Stages(Protocol):
    """What the agents call; see `freshet.streams.worker.Worker`."""

    async def decode(self, batch: Batch) -> None: ...
    async def plan(self, batch: Batch) -> None: ...
    async def embed(self, batch: Batch) -> None: ...
    async def write(self, batch: Batch) -> None: ...
    async def announce(self, batch: Batch) -> None: ...

    async def run(self, stage: str, work: Work, batch: Batch) -> bool:
        """Do a stage's work on a batch; False when the batch goes no further."""
        ...


def add_stages(app: faust.App, stages: Stages) -> Documents:  # noqa: C901 (five agents, a few lines each)
    """Add the agents of the pipeline; returns the channel that is to be filled with batches."""
    documents = Documents(app, maxsize=1)
    decoded, planned, embedded, written = (Pipe(app, maxsize=1) for _ in range(4))

    @app.agent(documents)
    async def decode(batches: faust.StreamT[Batch]) -> None:
        async for batch in batches:
            if await stages.run("decode", stages.decode, batch):
                await decoded.put(batch)

    @app.agent(decoded)
    async def plan(batches: faust.StreamT[Batch]) -> None:
        async for batch in batches:
            if await stages.run("plan", stages.plan, batch):
                await planned.put(batch)

    @app.agent(planned)
    async def embed(batches: faust.StreamT[Batch]) -> None:
        async for batch in batches:
            if await stages.run("embed", stages.embed, batch):
                await embedded.put(batch)

    @app.agent(embedded)
    async def write(batches: faust.StreamT[Batch]) -> None:
        async for batch in batches:
            if await stages.run("write", stages.write, batch):
                await written.put(batch)

    @app.agent(written)
    async def announce(batches: faust.StreamT[Batch]) -> None:
        async for batch in batches:
            await stages.run("announce", stages.announce, batch)

    return documents


def count_dead_letters(app: faust.App, topic: str, metrics: WorkerMetrics) -> None:
    """Add the agent that counts dead letters by reason; the marks beside them (`freshet.streams.letters`) are none.

    Faust's own consumer is good enough to count with.
    """
    letters = app.topic(topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")

    @app.agent(letters)
    async def count(letters: faust.StreamT[bytes]) -> None:
        async for event in letters.events():
            if STATE not in event.headers:
                reason = event.headers.get(DEAD_LETTER_REASON) or b""  # others may have written a null
                metrics.dead_letter(reason.decode("ascii", "replace"))
