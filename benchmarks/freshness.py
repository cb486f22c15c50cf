"""On a quiet topic: the time from publishing a change until the search service finds it.

A change is a new document or an edit of one and the same document, each of one passage. The clock runs from the call
of the publisher until a search whose answer holds the new text has been answered (and, apart, until it was sent);
searches follow each other without a pause. The sum of the parts is to embed one passage, the Qdrant calls of one
changed document, and two hops through Kafka, each measured alone afterwards (benchmarks/parts.py).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import aiohttp

from benchmarks import parts
from benchmarks.corpus import Event, take
from benchmarks.figures import Figure
from benchmarks.stack import Given, Log, log_of, new_stack
from freshet.cli.output import warn
from freshet.cli.progress import progress_bar
from freshet.local.processes import LocalPartError
from freshet.local.stack import LocalStack, together
from freshet.schemas.http import SearchAnswer
from freshet.search.recent import quantile

BACKGROUND = 500
CHANGES = 300
LONGEST_TEXT = 500  # characters: a passage, and a query that is not cut
QUIET_SECONDS = (0.15, 0.25)  # between two changes: the batch before is committed, and fetches are not in step with us
FOUND_WITHIN = 30.0
FIRST_LOOK = 0.01  # seconds after the publisher's call has returned
EDITED = "the-edited-document"


@dataclass(frozen=True, slots=True)
class Found:
    """Seconds from publishing to the answer that had it, to the sending of that search, and those of each search."""

    seconds: list[float]
    sent: list[float]
    searches: list[float]


async def run(given: Given) -> list[Figure]:
    corpus = take(given.corpus, BACKGROUND + CHANGES)
    changes = [_change(number, event) for number, event in enumerate(corpus[BACKGROUND:])]
    async with new_stack(given, "freshness") as stack:
        await stack.start_servers()
        await stack.start_processes()
        found = await stack.guard(_measure(stack, corpus[:BACKGROUND], changes))
        warn("the parts, each alone")
        await together(stack.worker.stop(), stack.search.stop())
        alone = await parts.measure(stack, given.folder, corpus[:BACKGROUND], changes)
    return figures(found, alone)


def figures(found: Found, alone: parts.Parts) -> list[Figure]:
    def milliseconds(name: str, seconds: float, baseline: float | None = None) -> Figure:
        return Figure(f"freshness.{name}", seconds * 1_000, "ms", baseline=baseline and baseline * 1_000)

    median = quantile(found.seconds, 0.5)
    return [
        milliseconds("p50", median, alone.sum),
        milliseconds("p99", quantile(found.seconds, 0.99)),
        Figure("freshness.ratio_to_parts", median / alone.sum, "ratio", goal="<=1.5", baseline=1),
        milliseconds("sent_p50", quantile(found.sent, 0.5), alone.sum),
        Figure("freshness.sent_ratio_to_parts", quantile(found.sent, 0.5) / alone.sum, "ratio", baseline=1),
        milliseconds("part_embed", alone.embed),
        milliseconds("part_qdrant", alone.qdrant),
        milliseconds("part_hop", alone.hop),
        milliseconds("search_p50", quantile(found.searches, 0.5)),
    ]


def _change(number: int, event: Event) -> Event:
    """Every other one edits the same document. The text is cut to one passage."""
    name = EDITED if number % 2 else f"new-{number}"
    return {"type": "upsert", "id": name, "title": event["title"], "text": event["text"][:LONGEST_TEXT].strip()}


async def _measure(stack: LocalStack, background: Sequence[Event], changes: Sequence[Event]) -> Found:
    warn("the pipeline, quiet but for one change at a time")
    found, random = Found([], [], []), Random(1)
    async with log_of(stack) as log, aiohttp.ClientSession() as session:
        service = Service(session, stack.url, found.searches)
        await log.publish(background)
        await log.until_indexed()
        with progress_bar("changing", len(changes)) as advance:
            for change in changes:
                await _until_found(log, service, change, found)
                advance(1)
                await asyncio.sleep(random.uniform(*QUIET_SECONDS))
    return found


async def _until_found(log: Log, service: Service, change: Event, found: Found) -> None:
    if await service.finds(change):  # which leaves the query's vector with the service, too
        raise LocalPartError(f"the text of {change['title']!r} is found before it is published")
    began = time.perf_counter()
    await log.publisher.publish(change)
    # No change is there sooner, and searches before that would only take the cores from the worker.
    await asyncio.sleep(FIRST_LOOK)
    while True:
        sent = time.perf_counter() - began
        if await service.finds(change):
            break
        if sent > FOUND_WITHIN:
            raise LocalPartError(f"a change of {change['id']!r} is not found after {FOUND_WITHIN:g} s")
    found.sent.append(sent)
    found.seconds.append(time.perf_counter() - began)


@dataclass(frozen=True)
class Service:
    """The search service, asked over one connection."""

    session: aiohttp.ClientSession
    url: str
    seconds: list[float]

    async def finds(self, change: Event) -> bool:
        """Whether a search for the text of a change answers with it."""
        body = {"query": f"{change['title']}. {change['text']}", "limit": 3}
        began = time.perf_counter()
        async with self.session.post(f"{self.url}/search", json=body) as answer:
            content = await answer.read()
        self.seconds.append(time.perf_counter() - began)
        if answer.status != 200:
            raise LocalPartError(f"the search service answers {answer.status}: {content.decode(errors='replace')}")
        results = SearchAnswer.model_validate_json(content).results
        return any(each.id == change["id"] and each.text == change["text"] for each in results)
