"""What the demo does: start everything, publish, serve until told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from freshet.background import in_background
from freshet.cli.answers import print_answer
from freshet.cli.demo_state import State, events_behind, observe
from freshet.cli.demo_text import invitation
from freshet.cli.demo_view import View, keep_showing, open_view
from freshet.cli.output import print_json, warn
from freshet.cli.progress import Pace
from freshet.local.asking import ask
from freshet.local.stack import LocalStack, together, until_done
from freshet.local.stdlib_docs import FIELDS
from freshet.schemas.topics import Topics
from freshet.search.index.identity import is_group_of
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.offsets import KafkaOffsets
from freshet.streams.publisher import Publisher

if TYPE_CHECKING:
    from freshet.cli.mirroring import Say, Tell

INDEX: Final = "documents"  # as processes call it that are not told otherwise


class Corpus(Protocol):
    """What the demo searches."""

    @property
    def name(self) -> str:
        """What people call it."""

    async def read(self) -> None:
        """What can be done before Kafka answers."""

    async def publish(self, publisher: Publisher, *, expect: Tell, advance: Tell) -> int:
        """Publish what is not in the log yet: `expect` so many, `advance` by so many; how many events that took."""

    def examples(self) -> Sequence[str]:
        """Queries worth trying; may block."""

    async def follow(self, publisher: Publisher) -> None:
        """Publish what changes, for as long as it may."""


@dataclass(frozen=True)
class Demo:
    """What was asked for. `followed` is a folder of the user's; without `queries` it serves until told to stop."""

    data: Path
    jars: Sequence[Path]
    port: int
    followed: Path | None
    queries: Sequence[str]
    json: bool


async def run(given: Demo, new_corpus: Callable[[Say], Corpus]) -> int:
    """The exit code. Raises CancelledError when it is told to stop before it serves, LocalPartError, TransientError."""
    fields = FIELDS if given.followed is None else {}
    async with LocalStack(folder=given.data, jars=given.jars, port=given.port, fields=fields) as stack:
        try:
            with open_view() as view:
                corpus = new_corpus(view.say)
                state = State(stack.starts, corpus.name)
                show = _Show(given, stack, corpus, state, view)
                await stack.guard(until_done(show.run(), keep_showing(view, state)))
            if given.queries:
                await stack.guard(_answer(stack.url, given.queries, json=given.json))
        except asyncio.CancelledError:
            warn("stopping…")
            if not state.is_serving:
                raise
    return 0


class _Show:
    def __init__(self, given: Demo, stack: LocalStack, corpus: Corpus, state: State, view: View) -> None:
        self._given = given
        self._stack = stack
        self._corpus = corpus
        self._state = state
        self._view = view

    async def run(self) -> None:
        """Until everything is indexed where there are queries, else for ever."""
        await together(self._stack.start(searchable=self._invite), self._corpus.read())
        bootstrap, topic = self._stack.kafka.bootstrap, Topics().documents
        connection = KafkaConnection(bootstrap, client_id="freshet-demo")
        async with KafkaOffsets(connection) as offsets, Publisher(bootstrap) as publisher:
            [group, *_] = [each for each in await offsets.groups() if is_group_of(INDEX, each)]
            self._state.backlog = await events_behind(offsets, topic, group)
            observing = observe(self._state, self._stack, offsets, topic, group)
            await until_done(self._work(publisher), observing)

    async def _invite(self) -> None:
        """Searches are answered: tell where, and what to try."""
        if self._given.queries:
            return
        examples = await in_background(self._corpus.examples)
        self._view.announce(invitation(self._stack.url, self._stack.worker_url, examples, self._given.followed))
        self._state.is_serving = True

    async def _work(self, publisher: Publisher) -> None:
        await self._publish(publisher)
        if self._given.queries:
            await self._state.indexed.wait()
            self._view.show(self._state)
            return
        await self._corpus.follow(publisher)
        await asyncio.Event().wait()

    async def _publish(self, publisher: Publisher) -> None:
        pace = self._state.publishing = Pace()
        self._state.indexing = Pace()
        expect = partial(setattr, pace, "total")
        events = await self._corpus.publish(publisher, expect=expect, advance=lambda count: pace.at(pace.done + count))
        pace.total = events
        pace.at(events)
        self._state.is_published = True


async def _answer(url: str, queries: Sequence[str], *, json: bool) -> None:
    answers = [(query, await ask(url, query)) for query in queries]
    if json:
        print_json([{"query": query, **answer.model_dump(mode="json")} for query, answer in answers])
        return
    for query, answer in answers:
        print_answer(query, answer)
