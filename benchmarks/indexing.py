"""Events a second from Kafka to the committed offset, against the encoder alone.

Kafka, the engine and the worker run as processes of their own. The worker loads its model and indexes a first batch;
then it is paused, the corpus is published, and the clock runs from its resuming until every offset is committed. The
bare loop gets the same passages in a process of its own while nothing else runs. Loop and pipeline take turns, and
each pipeline is held against the loops before and after it, so that a machine whose speed drifts does not decide.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, median

from benchmarks import encoder
from benchmarks.corpus import Event, take
from benchmarks.cpu import HAS_PROC, cpu_seconds
from benchmarks.figures import Figure
from benchmarks.stack import Given, log_of, new_stack
from freshet.cli.output import warn
from freshet.local.stack import LocalStack

ROUNDS = 3
WARM_UP = 256


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Seconds for all events, and the CPU seconds that each process took."""

    seconds: float
    cpu_seconds: dict[str, float]


async def run(given: Given) -> list[Figure]:
    events = take(given.corpus, WARM_UP + given.documents)
    warm_up, events = events[:WARM_UP], events[WARM_UP:]
    loops, pipelines = [await _loop(given, warm_up, events)], []
    for number in range(ROUNDS):
        pipelines.append(await _pipeline(given, f"indexing-{number}", warm_up, events))
        loops.append(await _loop(given, warm_up, events))
    return figures(len(events), loops, pipelines)


def figures(events: int, loops: Sequence[encoder.Rate], pipelines: Sequence[Pipeline]) -> list[Figure]:
    """There is a loop before and after each pipeline."""
    ratios = [
        mean((before.seconds, after.seconds)) / each.seconds
        for before, each, after in zip(loops, pipelines, loops[1:], strict=False)
    ]
    seconds, alone = median(each.seconds for each in pipelines), median(each.seconds for each in loops)
    found = [
        Figure("indexing.events_per_second", events / seconds, "events/s", baseline=events / alone),
        Figure("indexing.ratio_to_bare_encoder", median(ratios), "ratio", goal=">=0.95", baseline=1),
        Figure("indexing.passages_per_event", loops[0].passages / events, "passages"),
        Figure("indexing.tokens_per_event", loops[0].tokens / events, "tokens"),
    ]
    encoding = 1_000 * median(each.cpu_seconds for each in loops) / events
    for name in pipelines[0].cpu_seconds:
        used = 1_000 * median(each.cpu_seconds[name] for each in pipelines) / events
        baseline = encoding if name == "worker" else None
        found.append(Figure(f"indexing.cpu_{name}", used, "ms/event", baseline=baseline))
    return found


async def _loop(given: Given, warm_up: Sequence[Event], events: Sequence[Event]) -> encoder.Rate:
    warn("the encoder alone")
    found = encoder.Rate(**await encoder.measure("rate", given.folder, warm_up, events))
    warn(
        f"  {len(events) / found.seconds:,.1f} events/s, {1_000 * found.cpu_seconds / len(events):.2f} ms CPU an event"
    )
    return found


async def _pipeline(given: Given, name: str, warm_up: Sequence[Event], events: Sequence[Event]) -> Pipeline:
    warn("the pipeline")
    async with new_stack(given, name) as stack:
        await stack.start_servers()
        await stack.worker.start()
        found = await stack.guard(_measure(stack, warm_up, events))
    warn(f"  {len(events) / found.seconds:,.1f} events/s")
    return found


async def _measure(stack: LocalStack, warm_up: Sequence[Event], events: Sequence[Event]) -> Pipeline:
    async with log_of(stack) as log:
        await log.publish(warm_up)
        await log.until_indexed()
        stack.worker.pause()
        await log.publish(events)
        before, began = _cpu(stack), time.perf_counter()
        stack.worker.resume()
        await log.until_indexed()
        seconds, after = time.perf_counter() - began, _cpu(stack)
    return Pipeline(seconds, {name: after[name] - before[name] for name in after})


def _cpu(stack: LocalStack) -> dict[str, float]:
    """CPU seconds so far; nothing where the system does not tell."""
    parts = {"worker": stack.worker, "qdrant": stack.qdrant.process, "kafka": stack.kafka.process}
    return {name: cpu_seconds(part.pid) for name, part in parts.items()} if HAS_PROC else {}
