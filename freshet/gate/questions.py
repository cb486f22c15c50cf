"""What both versions are asked: the last queries of people, those of a file, or ones made of the documents."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from freshet.schemas.declared import InvalidFilter, check_filter
from freshet.schemas.errors import SettingsError
from freshet.schemas.fields import Kind
from freshet.schemas.filters import Filter
from freshet.search.asking import MAX_QUERY_CHARACTERS
from freshet.search.index.records import LedgerRecord, StoredPassage
from freshet.search.query import normalise
from freshet.streams.judged_queries import JudgedQuery

ENOUGH: Final = 20  # queries of people; where there are fewer, documents are asked for as well
_WORDS: Final = 12  # of a sentence that stands for a query
_SENTENCE_END: Final = re.compile(r"(?<=[.!?。！？])\s+|\n")


@dataclass(frozen=True, slots=True)
class Question:
    """A query in one spelling, of one tenant or of all, and by document id what people thought of its results."""

    text: str
    tenant: str | None = None
    filters: Filter | None = None
    judgements: Mapping[str, float] = field(default_factory=dict)


class Documents(Protocol):
    """Where documents are read to make questions of."""

    def records(self) -> AsyncIterator[Sequence[LedgerRecord]]:
        """As `IndexAudit.records`."""
        ...

    async def passages(self, ids: Sequence[str]) -> dict[str, StoredPassage]:
        """As `IndexReader.passages`."""
        ...


def of_people(queries: Sequence[JudgedQuery], fields: Mapping[str, Kind]) -> list[Question]:
    """The queries that can be asked still; in whatever mode they were asked, everything of a version is tried.

    One that has nothing to say, or filters by a field that is not declared any more, is left out.
    """
    asked = ((normalise(each.text), each) for each in queries if _is_allowed(each.filters, fields))
    return [Question(text, each.tenant, each.filters, each.judgements) for text, each in asked if text]


def _is_allowed(filters: Filter | None, fields: Mapping[str, Kind]) -> bool:
    try:
        if filters is not None:
            check_filter(filters, fields)
    except InvalidFilter:
        return False
    return True


def of_file(file: Path, *, most: int) -> list[Question]:
    """The queries of a file, one a line. Raises SettingsError where it has none, or one that cannot be asked."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise SettingsError(f"--queries: {file} is not UTF-8") from error
    texts = [(number, text) for number, line in enumerate(lines, 1) if (text := normalise(line))]
    if not texts:
        raise SettingsError(f"--queries: there is none in {file}")
    for number, text in texts:
        if len(text) > MAX_QUERY_CHARACTERS:
            raise SettingsError(f"--queries: line {number} has more than {MAX_QUERY_CHARACTERS:,} characters")
    return [Question(text) for _, text in texts[:most]]


async def of_documents(documents: Documents, *, most: int) -> list[Question]:
    """Questions that documents answer: their titles, else the beginning of a sentence of theirs.

    Records come by id, which is a digest, so the first ones are a fair sample, and the same each time.
    """
    found: list[Question] = []
    async for records in documents.records():
        alive = [each for each in records if not each.deleted and each.passages][: most - len(found)]
        untitled = [each.passages[0] for each in alive if not normalise(each.title)]
        passages = await documents.passages(untitled) if untitled else {}
        for record in alive:
            passage = passages.get(record.passages[0])
            if text := normalise(record.title) or (_beginning(passage.text) if passage else ""):
                found.append(Question(text, record.tenant))
        if len(found) >= most:
            break
    return found


def _beginning(text: str) -> str:
    sentences = (normalise(each) for each in _SENTENCE_END.split(text))
    return " ".join(next((each for each in sentences if each), "").split()[:_WORDS])[:MAX_QUERY_CHARACTERS]
