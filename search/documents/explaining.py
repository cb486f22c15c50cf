"""Where one document is: what the live version holds of it, and what the log has that is newer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from freshet.schemas.errors import FreshetError, TransientError
from freshet.schemas.explain import DocumentFacts
from freshet.schemas.keys import document_key
from freshet.schemas.positions import Place
from freshet.search.documents.composing import Composer, Found
from freshet.search.documents.facts import LogFacts
from freshet.search.feed.base import Following
from freshet.search.freshness import index_state
from freshet.search.index.base import IndexReader, IndexVersions, VersionInfo
from freshet.search.index.records import LedgerRecord
from freshet.search.ports import DocumentLog

TRIES: Final = 3  # of a document that goes on changing while it is looked at


class UnknownDocument(FreshetError):  # noqa: N818 (it is no failure of anything)
    """Nothing is known of a document; the message tells where one has looked."""

    def __init__(self, facts: LogFacts) -> None:
        looked = [
            f"{'the' if each.is_all else f'the newest {each.offsets:,} of the'} {each.of:,} offsets in {topic}"
            for topic, each in facts.looked.items()
        ]
        nowhere = f", nor is it among {' and '.join(looked)}" if looked else ""
        super().__init__(f"nothing is known of this document: the index holds nothing of it{nowhere}")


class Explainer:
    """Tells where documents are. `open_log` gives the log that a version follows, None where there is no Kafka.

    Without `following` answers say no watermarks.
    """

    def __init__(
        self,
        *,
        versions: IndexVersions,
        open_reader: Callable[[VersionInfo], IndexReader],
        open_log: Callable[[VersionInfo], DocumentLog | None],
        composer: Composer,
        following: Following | None = None,
    ) -> None:
        self._following = following
        self._versions = versions
        self._open_reader = open_reader
        self._open_log = open_log
        self._composer = composer

    async def explain(self, document_id: str, tenant: str | None = None, *, texts: bool = False) -> DocumentFacts:
        """Where a document of the live version is; with the texts of its passages where that is asked for.

        Raises UnknownDocument where nothing is known of it and everything could be looked at, TransientError where no
        version is live, and what the index raises.
        """
        version = await self._live()
        state = index_state(self._following, version)
        reader = self._open_reader(version)
        record, facts = await self._look(reader, version, document_key(document_id, tenant))
        if record is None and facts.is_empty and not facts.untold:
            raise UnknownDocument(facts)
        told = await _texts(reader, record) if texts and record is not None else None
        return self._composer.answer(Found(document_id, tenant, version, state, record, facts, told))

    async def _live(self) -> VersionInfo:
        name = await self._versions.live()
        info = await self._versions.describe(name) if name else None
        if info is None:
            hint = "a worker makes the first version when it starts"
            raise TransientError("find the live index version", "no index version is live yet", hint=hint)
        return info

    async def _look(self, reader: IndexReader, version: VersionInfo, key: str) -> tuple[LedgerRecord | None, LogFacts]:
        """The document's record, and what the log knew just before it was read."""
        record = (await reader.ledger([key])).get(key)
        facts, log = LogFacts(untold=["the log: this service runs without Kafka"]), self._open_log(version)
        for _ in range(TRIES):
            before = None if record is None else Place(record.partition, record.offset)
            if log is not None:
                facts = await log.look(key, held=before, version=version.name)
            record = (await reader.ledger([key])).get(key)
            if (None if record is None else Place(record.partition, record.offset)) == before:
                break
        return record, facts


async def _texts(reader: IndexReader, record: LedgerRecord) -> list[str]:
    stored = await reader.passages(record.passages)
    return [stored[point].text for point in record.passages if point in stored]
