"""What is left of a deleted document: in every version of the index, in the caches and in Kafka."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from freshet.schemas.decoding import BadEvent, Record, decode
from freshet.schemas.erasure import ErasureFacts, RemainFacts
from freshet.schemas.errors import OutsideError
from freshet.schemas.events import Event
from freshet.schemas.explain import LookedFacts
from freshet.schemas.keys import document_key
from freshet.schemas.topics import Topics, TopicState
from freshet.search.embedding.base import Embedder
from freshet.search.index.base import VersionInfo
from freshet.search.index.qdrant.audit import QdrantAudit
from freshet.search.index.qdrant.versions import QdrantVersions
from freshet.search.index.records import LedgerRecord, Passage
from freshet.search.results.leftovers import Wanted
from freshet.settings import Settings
from freshet.streams.again import unwrap
from freshet.streams.erasing import moment, remains, unlisted
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.topics import describe_topics
from freshet.streams.purging import kept_seconds
from freshet.streams.tracing import Limits
from freshet.wiring.erasure_caches import Sought, Texts, in_caches
from freshet.wiring.explain import log_tracer
from freshet.wiring.parts import load_model, qdrant_client

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient


@dataclass(slots=True)
class Left:
    """What was found until now; `texts` are those of the document's states that somebody still has."""

    remains: list[RemainFacts] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)
    texts: Texts = field(default_factory=list)
    is_deleted: bool = True


async def find_remains(
    settings: Settings,
    connection: KafkaConnection,
    document_id: str,
    tenant: str | None,
    *,
    limits: Limits,
    load: Callable[[Settings], Embedder] = load_model,
) -> ErasureFacts:
    """What is left of a document. What could not be looked at is told; raises what Qdrant raises."""
    key, topics, left = document_key(document_id, tenant), Topics(settings.topics.documents), Left()
    records, facts = await log_tracer(settings, connection, limits).records(key)
    left.untold += facts.untold
    left.texts += _texts(settings, topics, records)
    states = await _states(connection, topics, left)
    async with AsyncExitStack() as stack:
        client = qdrant_client(settings, stack)
        left.remains += await _in_index(settings, client, key, states, left)
        left.remains += remains(records, states, topics, server=connection.addresses[0])
        sought = Sought(Wanted(topics.documents, key, document_id), left.texts, limits.seconds)
        left.remains += await in_caches(settings, stack, sought, load, left.untold.append)
    looked = [LookedFacts(topic=topic, offsets=each.offsets, of=each.of) for topic, each in facts.looked.items()]
    return ErasureFacts(
        id=document_id,
        tenant=tenant,
        is_deleted=left.is_deleted,
        remains=left.remains,
        looked=looked,
        untold=left.untold,
    )


async def _states(connection: KafkaConnection, topics: Topics, left: Left) -> Mapping[str, TopicState]:
    try:
        names = (topics.documents, topics.again, topics.dead_letters, topics.indexed)
        return await describe_topics(connection, names)
    except OutsideError as error:
        left.untold.append(f"how long topics keep what: {error}")
        return {}


async def _in_index(
    settings: Settings, client: AsyncQdrantClient, key: str, states: Mapping[str, TopicState], left: Left
) -> list[RemainFacts]:
    """Records and passages of every version; those that nothing lists too."""
    versions = QdrantVersions(client, index=settings.index, fields=settings.fields)
    live, found = await versions.live(), list[RemainFacts]()
    until = _tombstones_until(settings, Topics(settings.topics.documents), states)
    for name in await versions.names():
        info = await versions.describe(name)
        if info is None:
            continue
        record, passages = await _of_version(client, info, key, left)
        left.texts += [(each.title, each.text) for each in passages]
        if name == live:
            left.is_deleted = record is None or record.deleted
        if record is not None:
            found.append(_of_record(name, record, until))
        found += unlisted(name, record, passages)
    return found


async def _of_version(
    client: AsyncQdrantClient, info: VersionInfo, key: str, left: Left
) -> tuple[LedgerRecord | None, list[Passage]]:
    audit = QdrantAudit(client, collection=info.name, dimension=info.dimension)
    record = (await audit.ledger([key])).get(key)
    try:
        return record, await audit.of_document(key)
    except OutsideError as error:
        left.untold.append(f"passages of {info.name} that nothing lists: {error}")
        return record, []


def _of_record(version: str, record: LedgerRecord, until: Callable[[float], str]) -> RemainFacts:
    if record.deleted:
        what, when, todo = "its tombstone: key, id, and when it ended", until(record.searchable_at), ""
    else:
        what, when = f"the document itself, in {len(record.passages):,} passages", "never: it is not deleted there"
        todo = "delete it first; versions that are behind follow"
    return RemainFacts(place=version, what=what, where=[record.id], until=when, todo=todo)


def _tombstones_until(settings: Settings, topics: Topics, states: Mapping[str, TopicState]) -> Callable[[float], str]:
    """When the tombstone of an end that was indexed at a moment may be forgotten."""
    kept = kept_seconds(topics, states, settings.worker.tombstone_days)

    def until(indexed_at: float) -> str:
        if not states:
            return "nobody can say without the settings of the topics"
        if kept is None:
            return "never: the topics keep everything"
        return f"at the earliest {moment(indexed_at + kept)}"

    return until


def _texts(settings: Settings, topics: Topics, records: Mapping[str, Sequence[Record]]) -> Texts:
    """Title and text of every state that Kafka still holds."""
    return [
        (upsert.title, upsert.text)
        for each in records.values()
        for record in each
        for event in _decoded(settings, topics, record)
        if (upsert := event.upsert) is not None
    ]


def _decoded(settings: Settings, topics: Topics, record: Record) -> Iterator[Event]:
    if record.topic == topics.indexed:
        return
    try:
        yield decode(unwrap(record, topics.documents) if record.topic == topics.again else record, settings.rules)
    except BadEvent:
        return
