"""All checks of an examination, and what they learn from each other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from functools import partial
from typing import Final

from freshet.doctor.clock import judge_clock
from freshet.doctor.findings import Check, Finding, Mark, examine
from freshet.doctor.index import check_index, check_qdrant
from freshet.doctor.kafka import check_groups, check_kafka, check_topics
from freshet.doctor.model import LOAD_SECONDS, check_model
from freshet.doctor.ports import check_ports
from freshet.doctor.redis import check_redis
from freshet.doctor.rerank import check_rerank
from freshet.doctor.rights import check_rights
from freshet.masking import masked
from freshet.schemas.errors import OutsideError, SettingsError
from freshet.schemas.topics import Source
from freshet.search.embedding.base import Model
from freshet.search.index.identity import Identity
from freshet.search.index.qdrant.server import describe_server
from freshet.settings import Settings
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.source import find_source
from freshet.wiring.access import check_exposure
from freshet.wiring.parts import EXPOSED, identity, kafka_connection, qdrant_client

KAFKA_SECONDS: Final = 4.0  # for one request; finding out who answers takes a few


async def diagnose(settings: Settings) -> AsyncIterator[Finding]:
    """Reach every part and say how it is, without secrets. Raises SettingsError for an address that cannot be one."""
    async with AsyncExitStack() as stack:
        try:
            patient = Patient(settings, stack)
        except SettingsError as error:
            raise SettingsError(masked(str(error), settings)) from None
        async for finding in examine(patient.checks()):
            found, hint = (masked(" ".join(text.split()), settings) for text in (finding.found, finding.hint))
            yield replace(finding, found=found, hint=hint)


class Patient:
    """The parts of one installation; what a check learns of them is there for those that come after it."""

    def __init__(self, settings: Settings, stack: AsyncExitStack) -> None:
        self._settings = settings
        self._kafka: KafkaConnection = kafka_connection(settings, "doctor", timeout=KAFKA_SECONDS)
        self._qdrant = qdrant_client(settings, stack)
        self._model: Model | None = None
        self._topic: list[Source | None] = []  # the documents topic, once Kafka has told
        self._ahead: dict[str, float] = {}

    def checks(self) -> Sequence[Check]:
        """In the order in which they are told. Whatever talks to a server does so at the same time."""
        given, kafka = self._settings, self._kafka
        return [
            Check("settings", self._sound),
            Check("Kafka", partial(check_kafka, kafka), seconds=3 * KAFKA_SECONDS),
            Check("topics", self._topics, needs=("Kafka",)),
            Check("rights", self._rights, needs=("Kafka",), waits=("model",)),
            Check("workers", partial(check_groups, given, kafka), needs=("topics",)),
            Check("Qdrant", self._qdrant_answers),
            Check("index", self._index, needs=("Qdrant",), waits=("model", "topics")),
            Check("Redis", self._redis_answers),
            Check("clock", self._clock, waits=("Qdrant", "Redis")),
            # It takes all cores for seconds, in which nothing else can be timed.
            Check("model", self._model_works, seconds=LOAD_SECONDS, waits=("Kafka", "Qdrant", "Redis")),
            Check("reranker", partial(check_rerank, given), seconds=LOAD_SECONDS, waits=("model",)),
            Check("ports", partial(check_ports, given)),
        ]

    @property
    def _identity(self) -> Identity | None:
        """What index version the settings describe; unknown without the model."""
        return None if self._model is None else identity(self._settings, self._model)

    async def _sound(self) -> Sequence[Finding]:
        try:
            check_exposure(self._settings)
        except SettingsError as error:
            return [Finding("settings", Mark.WARN, "with them the search service does not start", str(error))]
        if self._kafka.exposes_password:
            found, _, hint = EXPOSED.partition("; ")
            return [Finding("settings", Mark.WARN, found, hint)]
        return [Finding("settings", Mark.OK, "they can be used; see them with: freshet config")]

    async def _model_works(self) -> Sequence[Finding]:
        finding, self._model = await check_model(self._settings)
        return [finding]

    async def _topics(self) -> Sequence[Finding]:
        findings = await check_topics(self._settings, self._kafka)
        with suppress(OutsideError):
            self._topic = [await find_source(self._kafka, self._settings.topics.documents)]
        return findings

    async def _rights(self) -> Sequence[Finding]:
        wanted = self._identity
        groups = [] if wanted is None else [wanted.group, wanted.agents_group]
        return await check_rights(self._settings, self._kafka, groups)

    async def _qdrant_answers(self) -> Sequence[Finding]:
        facts = await describe_server(self._qdrant)
        if facts.ahead is not None:
            self._ahead["Qdrant"] = facts.ahead
        return await check_qdrant(self._settings, self._qdrant, facts)

    async def _index(self) -> Sequence[Finding]:
        return await check_index(self._settings, self._qdrant, self._identity, self._topic)

    async def _redis_answers(self) -> Sequence[Finding]:
        finding, facts = await check_redis(self._settings)
        if facts is not None and facts.ahead is not None:
            self._ahead["Redis"] = facts.ahead
        return [finding]

    async def _clock(self) -> Sequence[Finding]:
        return judge_clock(self._ahead)
