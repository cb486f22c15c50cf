"""What needs no embedding: repeats beside a loop that only decodes, metadata changes and deletes beside the client.

Kafka, the engine and the worker run as processes of their own. The corpus is indexed; then, each time, the worker is
paused, the events are published, and the clock runs from its resuming until every offset is committed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks import bare_client
from benchmarks.corpus import Event, take
from benchmarks.figures import Figure
from benchmarks.stack import TOPIC, Given, Log, log_of, new_stack
from benchmarks.stages import stage_seconds
from freshet.cli.output import warn
from freshet.local.stack import LocalStack
from freshet.streams.kafka.producer import KafkaProducer
from freshet.streams.messages import Message

REPEATS: Final = 1_000_000
ROUNDS: Final = 10  # of repeats; the worker's memory is read after each
WINDOW: Final = 2_000
MIB: Final = 2**20


@dataclass(frozen=True, slots=True)
class Repeats:
    """Events a second of each round, the bare loop's over all, seconds in stages an event, memory after each round."""

    per_second: list[float]
    bare_per_second: float
    stages: dict[str, float]
    memory: list[float]


async def run(given: Given) -> list[Figure]:
    events = take(given.corpus, given.documents)
    async with new_stack(given, "changes") as stack:
        await stack.start_servers()
        await stack.worker.start()
        return await stack.guard(_measure(stack, events))


async def _measure(stack: LocalStack, events: Sequence[Event]) -> list[Figure]:
    async with log_of(stack) as log:
        await log.publish(events)
        await log.until_indexed()
        found = await _repeats(log, events)
        figures = _figures(found)
        async with bare_client.open_copy(stack) as copy:
            for name, change in (("metadata", _changed), ("deletes", _deleted)):
                warn(name)
                seconds = await _indexed(log, [change(event) for event in events])
                bare = await copy.write_what_changed()
                figures += [
                    Figure(f"changes.{name}_per_second", len(events) / seconds, "events/s", None, len(events) / bare),
                    Figure(f"changes.{name}_ratio_to_client", bare / seconds, "ratio", ">=0.8", 1),
                ]
    return figures


def _figures(found: Repeats) -> list[Figure]:
    rate = sorted(found.per_second)[len(found.per_second) // 2]
    first, last = found.memory[len(found.memory) // 2], found.memory[-1]
    return [
        Figure("changes.repeats_per_second", rate, "events/s", ">=17000", found.bare_per_second),
        *(Figure(f"changes.repeats_{stage}", 1e6 * each, "µs/event") for stage, each in found.stages.items()),
        Figure("changes.memory", last, "MiB", None, first),
        Figure("changes.memory_growth", last / first, "ratio", "<=1.05", 1),
    ]


async def _repeats(log: Log, events: Sequence[Event]) -> Repeats:
    """The same events over and over; the worker's memory once half of them have passed is what the end is held to."""
    warn("repeats")
    rounds = max(1, REPEATS // ROUNDS // len(events))
    ends = {each.partition: each.end for each in await log.offsets.positions(TOPIC, await log.group())}
    before = await stage_seconds(log.stack)
    rates, memory = [], []
    for _ in range(ROUNDS):
        many = [event for _ in range(rounds) for event in events]
        rates.append(len(many) / await _indexed(log, many))
        memory.append(_resident(log.stack.worker.pid))
        warn(f"  {rates[-1]:,.0f} events/s, {memory[-1]:.0f} MiB")
    after, count = await stage_seconds(log.stack), ROUNDS * rounds * len(events)
    stages = {stage: (after[stage] - before[stage]) / count for stage in after}
    return Repeats(rates, await _bare(log, ends), stages, memory)


def _changed(event: Event) -> Event:
    return {**event, "metadata": {**event.get("metadata", {}), "round": 1}}


def _deleted(event: Event) -> Event:
    return {"type": "delete", "id": event["id"]}


async def _indexed(log: Log, events: Sequence[Event]) -> float:
    """Seconds until all is committed, of events that were all there when the worker went on."""
    log.stack.worker.pause()
    await _publish(log, events)
    began = time.perf_counter()
    log.stack.worker.resume()
    await log.until_indexed()
    return time.perf_counter() - began


async def _publish(log: Log, events: Sequence[Event]) -> None:
    """Without the checks of `Publisher`, which would take longer than what is measured."""
    messages = [Message(TOPIC, event["id"].encode(), json.dumps(event).encode()) for event in events]
    async with KafkaProducer(log.connection) as producer:
        for start in range(0, len(messages), WINDOW):
            await producer.send_all(messages[start : start + WINDOW])


async def _bare(log: Log, ends: dict[int, int]) -> float:
    """Events a second of a loop that only fetches, decodes and counts, from where the repeats began."""
    places = {TopicPartition(TOPIC, partition): end for partition, end in ends.items()}
    consumer = AIOKafkaConsumer(**log.connection.options(), group_id=None, enable_auto_commit=False)
    async with consumer:
        consumer.assign(list(places))
        for place, offset in places.items():
            consumer.seek(place, offset)
        until, count = await consumer.end_offsets(list(places)), 0
        total, began = sum(until[place] - places[place] for place in places), time.perf_counter()
        while count < total:
            for records in (await consumer.getmany(timeout_ms=1_000, max_records=1_024)).values():
                count += sum(json.loads(record.value or b"0") is not None for record in records)
        return count / (time.perf_counter() - began)


def _resident(pid: int) -> float:
    """Resident memory of a process in MiB (https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1])
    return pages * 4096 / MIB
