"""What the demo knows about itself while it runs, for those who watch."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from freshet.cli.progress import Pace
from freshet.local.asking import index_facts, status
from freshet.schemas.errors import TransientError

if TYPE_CHECKING:
    from datetime import datetime

    from freshet.local.stack import LocalStack, Start
    from freshet.streams.kafka.offsets import KafkaOffsets

BUSY_SECONDS: Final = 0.3
IDLE_SECONDS: Final = 1.0


@dataclass
class State:
    """`backlog` is what was behind at the start and `behind` what is now, in events; `freshness` is how long the newest
    change took from its event to being searchable, in seconds. None while not known.
    """

    starts: Sequence[Start]
    corpus: str
    is_serving: bool = False
    is_published: bool = False
    indexed: asyncio.Event = field(default_factory=asyncio.Event)
    publishing: Pace = field(default_factory=Pace)
    indexing: Pace = field(default_factory=Pace)
    backlog: int = 0
    documents: int | None = None
    behind: int | None = None
    freshness: float | None = None
    changed_at: datetime | None = None
    trouble: str = ""

    @property
    def is_indexed(self) -> bool:
        return self.indexed.is_set()

    @property
    def is_started(self) -> bool:
        return all(each.is_ready for each in self.starts)


async def events_behind(offsets: KafkaOffsets, topic: str, group: str) -> int:
    """How many events of the log are not indexed. Raises TransientError when Kafka does not answer."""
    return sum(each.end - each.next for each in await offsets.positions(topic, group))


async def observe(state: State, stack: LocalStack, offsets: KafkaOffsets, topic: str, group: str) -> None:
    """Keep the figures current, until cancelled."""
    while True:
        published = state.is_published  # before the lag is read, or the last of it may be missing
        try:
            state.behind = await events_behind(offsets, topic, group)
        except TransientError as error:  # a machine that was asleep, say: parts that have ended are noticed elsewhere
            state.behind, state.trouble = None, str(error)
        else:
            _count(state, published=published)
            await _ask(state, stack)
        await asyncio.sleep(IDLE_SECONDS if state.is_indexed else BUSY_SECONDS)


def _count(state: State, *, published: bool) -> None:
    if state.is_indexed or state.behind is None:
        return
    pace = state.indexing
    pace.total = state.backlog + state.publishing.total
    # What is on its way counts as published only when Kafka has said so, and may be behind before that.
    left = max(state.publishing.total - state.publishing.done, 0) + state.behind
    pace.at(max(pace.total - left, pace.done))
    if published and not state.behind:
        state.indexed.set()


async def _ask(state: State, stack: LocalStack) -> None:
    told, facts = await asyncio.gather(status(stack.worker_url), index_facts(stack.url))
    if told is not None:
        checks = told.health.checks.items()
        state.trouble = next((f"{name}: {check.error}" for name, check in checks if not check.ok), "")
    if facts is not None:
        state.documents, state.changed_at = facts.documents, facts.changed_at
        if facts.changed_at and facts.newest_event_at:
            state.freshness = max(0.0, (facts.changed_at - facts.newest_event_at).total_seconds())
