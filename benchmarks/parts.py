"""The parts of one change's way, each alone, on servers that do nothing else."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from aiokafka import AIOKafkaConsumer

from benchmarks import encoder
from benchmarks.corpus import Event
from freshet.local.stack import LocalStack
from freshet.schemas.decoding import Record, Rules, decode
from freshet.schemas.positions import Order
from freshet.schemas.topics import Cleanup, TopicSpec
from freshet.search.bm25 import Bm25
from freshet.search.index.qdrant.client import connect
from freshet.search.index.qdrant.versions import QdrantVersions
from freshet.search.index.qdrant.writer import QdrantWriter
from freshet.search.index.records import Vector
from freshet.search.passages import Piece
from freshet.search.recent import quantile
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.producer import KafkaProducer
from freshet.streams.kafka.topics import create_topics
from freshet.streams.plan import DocumentPlan, collapse, plan_document
from freshet.streams.writing import write

HOPS: Final = "benchmark.hops"
FIRST_OFFSET: Final = 1_000_000  # beyond those of the log, so that no state counts as older than what is indexed


@dataclass(frozen=True, slots=True)
class Parts:
    """Median seconds of each part."""

    embed: float
    qdrant: float
    hop: float

    @property
    def sum(self) -> float:
        return self.embed + self.qdrant + 2 * self.hop


async def measure(stack: LocalStack, folder: Path, warm_up: Sequence[Event], changes: Sequence[Event]) -> Parts:
    """Kafka and the engine run, with what the pipeline left in them; the worker and the service do not."""
    embedded = encoder.Latency(**await encoder.measure("latency", folder, warm_up, changes))
    qdrant = await stack.guard(_qdrant(stack, changes))
    hops = await stack.guard(_hops(stack, changes))
    return Parts(*(quantile(seconds, 0.5) for seconds in (embedded.seconds, qdrant, hops)))


async def _qdrant(stack: LocalStack, changes: Sequence[Event]) -> list[float]:
    """The calls of a change: read the ledger, add the passage, commit the record, read it back."""
    found, random = [], np.random.default_rng(1)
    async with AsyncExitStack() as opened:
        client = connect(stack.qdrant.url, api_key=stack.qdrant.api_key)
        opened.push_async_callback(client.close)
        live = await QdrantVersions(client, index="documents").live()
        info = await QdrantVersions(client, index="documents").describe(live or "")
        if info is None:
            raise RuntimeError("the worker has made no index")
        index = QdrantWriter(client, collection=info.name, dimension=info.dimension)
        for number, change in enumerate(changes):
            offset = FIRST_OFFSET + number
            plan = _plan({**change, "id": f"part-{number}"}, offset)
            vectors = {new.id: _vector(random, info.dimension) for new in plan.add}
            terms = {new.id: Bm25().passage(new.piece.embedded, {}) for new in plan.add}
            began = time.perf_counter()
            await index.ledger([plan.key])
            await write(index, [plan], partition=0, top=offset, vectors=vectors, terms=terms, clock=time.time)
            found.append(time.perf_counter() - began)
    return found


def _plan(event: Event, offset: int) -> DocumentPlan:
    record = Record("", 0, offset, 0, event["id"].encode(), json.dumps(event).encode())
    newest = collapse([decode(record, Rules())], None, Order.LOG)
    return plan_document(newest, None, Order.LOG, lambda title, text: [Piece(text, f"{title}. {text}", 1)])


def _vector(random: np.random.Generator, dimension: int) -> Vector:
    vector = random.standard_normal(dimension).astype(np.float32)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


async def _hops(stack: LocalStack, changes: Sequence[Event]) -> list[float]:
    """From sending a record, acknowledged by all replicas, to a consumer that waits for it."""
    found = []
    connection = KafkaConnection(stack.kafka.bootstrap, client_id="freshet-benchmark")
    await create_topics(connection, (TopicSpec(HOPS, Cleanup.DELETE, 1),))
    consumer = AIOKafkaConsumer(HOPS, **connection.options(), auto_offset_reset="earliest")
    async with KafkaProducer(connection) as producer, consumer:
        for change in changes:
            arrival = asyncio.create_task(_arrival(consumer))
            await asyncio.sleep(0.02)  # it waits for a record now, as a worker on a quiet topic does
            began = time.perf_counter()
            await producer.send(HOPS, key=change["id"].encode(), value=json.dumps(change).encode())
            found.append(await arrival - began)
    return found


async def _arrival(consumer: AIOKafkaConsumer) -> float:
    await consumer.getone()
    return time.perf_counter()
