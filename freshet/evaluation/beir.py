"""Judged collections in the format of BEIR (https://github.com/beir-cellar/beir).

A folder with `corpus.jsonl` (`_id`, `title`, `text`), `queries.jsonl` (`_id`, `text`), and `qrels/test.tsv` or
`qrels.tsv`: query, document and grade, with tabs between them, after a line that names them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from freshet.schemas.decoding import BadEvent, Record, Rules, decode
from freshet.schemas.errors import SettingsError
from freshet.schemas.keys import canonical_json, digest

CORPUS: Final = "corpus.jsonl"
QUERIES: Final = "queries.jsonl"
SHOWN: Final = 80  # characters of what somebody wrote, in an error


class FolderError(SettingsError):
    """A folder is no judged collection: the file, the line where there is one, and what is wrong with it."""

    def __init__(self, file: Path, line: int | None, message: str) -> None:
        super().__init__(f"{file}: {message}" if line is None else f"{file}, line {line}: {message}")


@dataclass(frozen=True, slots=True)
class Query:
    """A query that was judged, and the line that it stands in."""

    id: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Judged:
    """Documents as records of a topic, whose offsets count lines from 0; queries; and by query the grades of documents.

    Grades above 0 are relevant. `unknown` counts judgements of documents that the corpus does not have.
    """

    folder: Path
    split: str
    documents: Sequence[Record]
    queries: Sequence[Query]
    grades: Mapping[str, Mapping[str, int]]
    unknown: int

    @property
    def name(self) -> str:
        return self.folder.resolve().name

    @property
    def corpus_digest(self) -> str:
        """The same for the same documents in the same lines."""
        return digest(*(f"{each.offset} {(each.value or b'').decode()}" for each in self.documents))

    @property
    def queries_digest(self) -> str:
        """The same for the same queries and grades, in whatever order."""
        return digest(canonical_json({each.id: each.text for each in self.queries}), canonical_json(self.grades))


def read_folder(folder: Path, *, split: str = "test", rules: Rules) -> Judged:
    """The collection, with those of its queries that the split judges. Raises FolderError."""
    documents = _documents(folder / CORPUS, rules)
    texts = _queries(folder / QUERIES)
    ids = {(each.key or b"").decode() for each in documents}
    grades: dict[str, dict[str, int]] = {}
    unknown = 0
    for query, document, grade in _judgements(_qrels(folder, split), texts):
        grades.setdefault(query, {})[document] = grade
        unknown += document not in ids
    return Judged(folder, split, documents, [texts[each] for each in texts if each in grades], grades, unknown)


def _documents(file: Path, rules: Rules) -> list[Record]:
    found: dict[str, Record] = {}
    for line, value in _objects(file):
        id_ = _id(file, line, value)
        if id_ in found:
            raise FolderError(file, line, f"the _id {_shown(id_)} is that of line {found[id_].offset + 1}, too")
        event = {name: value[name] for name in ("title", "text", "metadata") if value.get(name) is not None}
        try:
            record = _record(id_, event, line)
            decode(record, rules)
        except (BadEvent, UnicodeEncodeError, RecursionError) as error:
            raise FolderError(file, line, str(error)) from error
        found[id_] = record
    if not found:
        raise FolderError(file, None, "holds no documents")
    return list(found.values())


def _record(id_: str, event: Mapping[str, Any], line: int) -> Record:
    value = json.dumps({"type": "upsert", "id": id_, **event}, ensure_ascii=False).encode()
    return Record(CORPUS, 0, line - 1, 0.0, id_.encode(), value)


def _queries(file: Path) -> dict[str, Query]:
    found: dict[str, Query] = {}
    for line, value in _objects(file):
        id_, text = _id(file, line, value), value.get("text")
        if not isinstance(text, str) or not text.strip():
            raise FolderError(file, line, "the query has no text")
        if id_ in found:
            raise FolderError(file, line, f"the _id {_shown(id_)} is that of line {found[id_].line}, too")
        found[id_] = Query(id_, text, line)
    return found


def _qrels(folder: Path, split: str) -> Path:
    inside, beside = folder / "qrels" / f"{split}.tsv", folder / "qrels.tsv"
    return inside if inside.exists() or not beside.exists() else beside


def _judgements(file: Path, queries: Mapping[str, Query]) -> Iterator[tuple[str, str, int]]:
    seen: dict[tuple[str, str], int] = {}
    for line, text in _lines(file):
        columns = [each.strip() for each in text.split("\t")]
        if len(columns) != 3:
            raise FolderError(file, line, f"must be query, document and grade with tabs between, not {_shown(text)}")
        query, document, grade = columns[0], columns[1], _grade(columns[2])
        if grade is None:
            if line == 1:  # the names of the columns
                continue
            raise FolderError(file, line, f"the grade must be a whole number, not {_shown(columns[2])}")
        if query not in queries:
            raise FolderError(file, line, f"there is no query {_shown(query)} in {QUERIES}")
        if seen.setdefault((query, document), grade) != grade:
            raise FolderError(file, line, f"document {_shown(document)} has two grades for query {_shown(query)}")
        yield query, document, grade
    if not seen:
        raise FolderError(file, None, "holds no judgements")


def _grade(text: str) -> int | None:
    """Four digits are more than anybody grades by."""
    sign = text[:1] == "-"
    return int(text) if text[sign:].isascii() and text[sign:].isdigit() and len(text) <= 5 else None


def _objects(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for line, text in _lines(file):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise FolderError(file, line, f"is not JSON: {error}") from error
        if not isinstance(value, dict):
            raise FolderError(file, line, f"must be an object, not {_shown(text)}")
        yield line, value


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, by their numbers from 1."""
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if text := _decoded(file, number, line).strip():
                    yield number, text
    except OSError as error:
        raise FolderError(file, None, f"cannot be read: {error.strerror}") from error


def _decoded(file: Path, number: int, line: bytes) -> str:
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise FolderError(file, number, "is not UTF-8") from error


def _id(file: Path, line: int, value: Mapping[str, Any]) -> str:
    id_ = value.get("_id")
    if isinstance(id_, int) and not isinstance(id_, bool):
        id_ = str(id_)
    if not isinstance(id_, str) or not id_:
        raise FolderError(file, line, "has no _id, which must be a text")
    return id_


def _shown(text: str) -> str:
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "…")
