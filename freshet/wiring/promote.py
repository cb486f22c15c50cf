"""Putting another version live: what it must show before, with the parts that show it, and the switch."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry

from freshet.gate.asking import ROUNDS, Way, ask_both
from freshet.gate.questions import ENOUGH, Question, of_documents, of_file, of_people
from freshet.gate.verdict import Check, Limits, agrees, caught_up, fast, judged_well, refused, true_to_the_log
from freshet.schemas.errors import MisfitError, PermanentError
from freshet.schemas.topics import Topics
from freshet.search.embedding.base import Embedder
from freshet.search.embedding.metrics import EmbeddingMetrics
from freshet.search.fusion import Fusion
from freshet.search.index.base import VersionInfo
from freshet.search.index.facts import built_at
from freshet.search.index.identity import Identity
from freshet.search.index.qdrant.audit import QdrantAudit
from freshet.search.index.qdrant.reader import QdrantReader
from freshet.search.index.switching import demand, record_as_built, switch
from freshet.search.live import LiveVersion
from freshet.settings import Settings
from freshet.streams.judged_queries import last_queries
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.source import find_source
from freshet.wiring.kept import Kept, how_kept
from freshet.wiring.models import Models, open_models
from freshet.wiring.parts import identity, kafka_connection, load_model
from freshet.wiring.starting import check_fit
from freshet.wiring.verify import Bar, Parts, hold_against_the_log
from freshet.wiring.versions import Say, index_versions, is_built, lag_of, named

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient

SAMPLE: Final = 100  # passages that are embedded anew, of those whose vectors no cache knows
PATIENCE_SECONDS: Final = 15.0  # a batch under way may make the lag look long for a moment
_POLL_SECONDS: Final = 1.0

Load = Callable[[Settings], Embedder]


@dataclass(frozen=True, slots=True)
class Examination:
    """How a candidate is looked at: the limits, how many queries, or those of a file; `tell` hears of each check."""

    limits: Limits
    count: int
    file: Path | None
    bar: Bar
    say: Say
    tell: Callable[[Check], None]


@dataclass(frozen=True, slots=True)
class Promotion:
    """What came of it: the version, the one that was live before, and the checks that it went through.

    It was live already where `left` is itself; None where nothing was. It is live now unless `refused`. How it is
    `kept` is told where no check was made.
    """

    version: str
    left: str | None
    checks: Sequence[Check] = field(default_factory=tuple)
    kept: Kept | None = None

    @property
    def refused(self) -> bool:
        return refused(self.checks)

    @property
    def was_live(self) -> bool:
        return self.left == self.version


async def force(settings: Settings, wanted: str | None, *, load: Load = load_model) -> Promotion:
    """Put a version live, whatever it is like; a model is loaded only to know which one the settings describe.

    Raises NoSuchVersionError, and what Qdrant and the model raise.
    """
    async with AsyncExitStack() as stack:
        _, versions = await stack.enter_async_context(index_versions(settings))
        if wanted is None:
            name = (await _described(settings, stack, load))[0].version
        else:
            name = named(settings.index, await versions.names(), wanted)
        if (left := await switch(versions, name)) == name:
            return Promotion(name, left)
        return Promotion(name, left, kept=await how_kept(settings, await versions.describe(name)))


async def promote(
    settings: Settings, wanted: str | None, examination: Examination, *, load: Load = load_model
) -> Promotion:
    """Put the version that the settings describe live, where it passes every check.

    Raises NoSuchVersionError where it is not there, MisfitError where another one is `wanted` or the settings have no
    model for what is live, and what Kafka, Qdrant and the models raise.
    """
    async with AsyncExitStack() as stack:
        client, versions = await stack.enter_async_context(index_versions(settings))
        described, models = await _described(settings, stack, load)
        name = described.version
        if wanted is not None and (meant := named(settings.index, await versions.names(), wanted)) != name:
            raise MisfitError(
                f"the settings describe {name}, not {meant}, whose model the checks need: set what it was made with, "
                f"or put it live without checks: freshet promote {meant} --force"
            )
        candidate, live_name = await demand(versions, name), await versions.live()
        if live_name == name:
            return Promotion(name, name)
        live = None if live_name is None else await versions.describe(live_name)
        connection, topic = kafka_connection(settings, "promote"), settings.topics.documents
        check_fit(described, candidate, topic, await find_source(connection, topic))
        parts = Parts(connection, described, models.own, _audit(client, candidate))
        checks = await _Gate(settings, client, parts, models, examination).run(candidate, live)
        if refused(checks):
            return Promotion(name, live_name, checks)
        if (now := await versions.live()) not in (live_name, name):
            raise MisfitError(f"{now} was put live meanwhile, and nothing was compared with it: run this again")
        if built_at(candidate.metadata) is None:  # workers built it, and nobody was there to record that
            await record_as_built(versions, name)
        return Promotion(name, await switch(versions, name), checks)


async def _described(settings: Settings, stack: AsyncExitStack, load: Load) -> tuple[Identity, Models]:
    """The version that the settings describe, and the models; closed with the stack."""
    spent, timeout = EmbeddingMetrics(CollectorRegistry()), settings.redis.worker_timeout_seconds
    models = await open_models(settings, spent, stack, redis_timeout=timeout, load=load)
    return identity(settings, models.own.model), models


class _Gate:
    """One look at a candidate beside the live version."""

    def __init__(
        self, settings: Settings, client: AsyncQdrantClient, parts: Parts, models: Models, examination: Examination
    ) -> None:
        self._settings = settings
        self._client = client
        self._parts = parts
        self._models = models
        self._given = examination
        self._checks: list[Check] = []

    async def run(self, candidate: VersionInfo, live: VersionInfo | None) -> list[Check]:
        """All checks, the cheap one first: what has not caught up is not looked at any further."""
        embedder = None if live is None else self._models.find(live)
        self._note(await self._caught_up(candidate))
        if refused(self._checks):
            return self._checks
        self._note(await self._true_to_the_log())
        if live is not None and embedder is not None:
            await self._compare(self._open(live, embedder), self._open(candidate, self._models.own))
        return self._checks

    def _note(self, check: Check) -> None:
        self._checks.append(check)
        self._given.tell(check)

    async def _caught_up(self, candidate: VersionInfo) -> Check:
        built = await is_built(self._settings, self._parts.connection, candidate)
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            lag = await lag_of(self._settings, self._parts.connection, candidate)
            if lag is None:
                raise MisfitError(f"the topic that {candidate.name} follows is gone")
            check = caught_up(lag.events, lag.seconds, built=built, limits=self._given.limits)
            if check.passed or not built or time.monotonic() >= end:
                return check
            await asyncio.sleep(_POLL_SECONDS)

    async def _true_to_the_log(self) -> Check:
        found = await hold_against_the_log(self._settings, self._parts, sample=SAMPLE, bar=self._given.bar)
        return true_to_the_log(found.differing, documents=found.documents, vectors=found.vectors)

    async def _compare(self, live: LiveVersion, candidate: LiveVersion) -> None:
        questions = await self._questions(_audit(self._client, live.info))
        given = self._settings.search
        way = Way(given.list_length, Fusion[given.fusion.upper()], self._settings.fields)
        with self._given.bar("asking both", ROUNDS * len(questions)) as advance:
            asked = await ask_both(live, candidate, questions, way, advance=advance)
        for judge in (agrees, judged_well, fast):
            self._note(judge(asked, self._given.limits))

    async def _questions(self, documents: QdrantAudit) -> list[Question]:
        most = self._given.count
        if self._given.file is not None:
            return of_file(self._given.file, most=most)
        people = await self._asked_by_people(self._parts.connection, most)
        if len(people) >= min(ENOUGH, most):
            return people
        made = await of_documents(documents, most=most - len(people))
        self._given.say(f"{len(people)} recorded queries, and {len(made)} made of documents of the live version")
        return people + made

    async def _asked_by_people(self, connection: KafkaConnection, most: int) -> list[Question]:
        try:
            topics = Topics(self._settings.topics.documents)
            queries = await last_queries(connection, topics, most, index=self._settings.index)
        except PermanentError as error:  # a topic that is not there, or a right
            self._given.say(f"no recorded queries: {error}")
            return []
        return of_people(queries, self._settings.fields)

    def _open(self, info: VersionInfo, embedder: Embedder) -> LiveVersion:
        return LiveVersion.of(info, QdrantReader(self._client, collection=info.name), embedder)


def _audit(client: AsyncQdrantClient, info: VersionInfo) -> QdrantAudit:
    return QdrantAudit(client, collection=info.name, dimension=info.dimension)
