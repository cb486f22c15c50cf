"""The memory of a verification and of a build, as the index grows tenfold, and over a log of a million events.

Documents are a sentence long, each its own. The most memory that each process ever had is what counts; it is held
against that of the smallest index.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from benchmarks import commands
from benchmarks.figures import Figure
from benchmarks.rebuild import BUILD, Place, opened
from benchmarks.stack import Given, new_stack
from freshet.cli.output import warn
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.producer import KafkaProducer
from freshet.streams.messages import Message

FEW, MANY, EVENTS = 10_000, 100_000, 1_000_000
WINDOW: Final = 2_000


async def run(given: Given) -> list[Figure]:
    async with new_stack(given, "growth") as stack:
        await stack.start_servers()
        async with opened(stack, "growth") as place:
            return await stack.guard(_measure(place))


async def _measure(place: Place) -> list[Figure]:
    await place.run("topics", "create")
    found: dict[str, list[float]] = {"verify": [], "replay": []}
    published = 0
    for generation, (documents, events) in enumerate([(FEW, FEW), (MANY, MANY), (MANY, EVENTS)], start=2):
        warn(f"{documents:,} documents, {events:,} events")
        await _publish(place, range(published, events), documents)
        published = events
        async with commands.command(place.stack, "worker", **place.settings()):
            await place.done(events)
        found["verify"].append((await place.run("verify", "--sample", "0")).memory)
        found["replay"].append((await place.run(*BUILD, FRESHET_GENERATION=str(generation))).memory)
        await place.drop_all_but_live()
        warn("  " + ", ".join(f"{name} {memory[-1]:,.0f} MiB" for name, memory in found.items()))
    return [each for name, memory in found.items() for each in figures(name, *memory)]


def figures(name: str, few: float, many: float, events: float) -> list[Figure]:
    return [
        Figure(f"growth.{name}_memory", events, "MiB", None, few),
        Figure(f"growth.{name}_memory_with_documents", many / few, "ratio", "<=1.25", 1),
        Figure(f"growth.{name}_memory_with_events", events / many, "ratio", "<=1.25", 1),
    ]


async def _publish(place: Place, numbers: Iterable[int], documents: int) -> None:
    """Event by number; from `documents` on the same documents again, as they are."""
    messages = (_message(place.topic, number % documents) for number in numbers)
    async with KafkaProducer(KafkaConnection(place.stack.kafka.bootstrap)) as producer:
        for window in _windows(messages):
            await producer.send_all(window)


def _message(topic: str, number: int) -> Message:
    event = {"type": "upsert", "id": f"kb-{number}", "text": f"Parcel {number} waits in shelf {number % 977}."}
    return Message(topic, event["id"].encode(), json.dumps(event).encode())


def _windows(messages: Iterator[Message]) -> Iterator[list[Message]]:
    while window := list(islice(messages, WINDOW)):
        yield window
