"""The fold of the log, on disk: the newest event of each document, in little memory however many there are.

What the index must say is told by the log alone: the records of the documents topic and those that came again, each at
its origin, one after the other. A null takes the version of what it ends. Records that are dead letters are nobody's
state; but a letter may be out of date, so they are kept beside. What lies behind the positions that the fold is made
for only marks its document as `pending`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from freshet.schemas.again import Why
from freshet.schemas.decoding import BadEvent, Reason, Record, Rules, decode
from freshet.schemas.events import Event
from freshet.schemas.keys import possible_key
from freshet.schemas.positions import Order, Rank
from freshet.streams.came_again import CameAgain
from freshet.streams.kept_letters import KeptLetters
from freshet.streams.letters import Letter, State

PAGE: Final = 128  # documents
_TABLES: Final = """
CREATE TABLE documents (key TEXT PRIMARY KEY, partition INT, place INT, version INT, moment REAL, value BLOB,
                        known INT NOT NULL, pending INT NOT NULL, divided INT NOT NULL);
CREATE TABLE passed_over (key TEXT, partition INT, place INT, moment REAL, value BLOB,
                          PRIMARY KEY (key, partition, place));
CREATE TABLE held (key TEXT PRIMARY KEY, partition INT, place INT, version INT);
"""
_PUT: Final = """
INSERT INTO documents VALUES (?,?,?,?,?,?,1,0,0) ON CONFLICT (key) DO UPDATE SET
    partition=excluded.partition, place=excluded.place, version=excluded.version, moment=excluded.moment,
    value=excluded.value, known=1
"""
_MARK: Final = "INSERT INTO documents VALUES (?,?,-1,-1,0,NULL,0,1,0) ON CONFLICT (key) DO UPDATE SET pending=1"
_QUICK: Final = ("PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", "PRAGMA temp_store=FILE")
Ends = Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Folded:
    """What the log says of a document: the newest event and its rank, and the record that it came from, at its origin.

    `pending` where the log holds more of it than was folded. `event` is None where all that is known is that. `until`
    is the offset up to which its partition was folded. `divided` where it has events in two partitions.
    """

    key: str
    event: Event | None
    rank: Rank
    record: Record | None
    pending: bool
    until: int = 0
    divided: bool = False


class FoldedLog:
    """Filled in three steps: letters first, then what came again, then the documents topic.

    `ends` are the positions that the fold is made for. Records of each partition must come in their order. One thread
    at a time may use it. `with FoldedLog(…) as log` removes nothing: the file is the caller's. `divided` is a document
    that has events in two partitions, which tell nobody what is newer; None where there is none.
    """

    def __init__(self, file: Path, *, topic: str, rules: Rules, ends: Ends) -> None:
        self._topic = topic
        self._rules = rules
        self._ends = ends
        self.divided: str | None = None
        self._base = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        for line in (*_QUICK, *_TABLES.split(";"), "BEGIN"):
            self._base.execute(line)
        self._again = CameAgain(self._base, topic=topic)
        self._letters = KeptLetters(self._base, topic=topic)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._base.close()

    def __len__(self) -> int:
        """How many documents there are, ended ones too."""
        return int(self._base.execute("SELECT count(*) FROM documents WHERE known").fetchone()[0])

    def add_letters(self, records: Iterable[Record]) -> None:
        """Records of the topic of dead letters, in any order."""
        for record in records:
            self._letters.add(record)

    def add_again(self, records: Iterable[tuple[Record, bool]]) -> None:
        """Records of the `again` topic, unwrapped, each with whether it lies behind the fold's position there."""
        for record, behind in records:
            if behind:
                self._mark(record)
            elif record.again is not None and record.again.why is not Why.REMOVED:
                self._again.add(record)

    def add(self, records: Sequence[Record]) -> None:
        """Records of the documents topic."""
        for record in records:
            for earlier in self._again.take(record.partition, record.offset):
                self._take(earlier)
            if record.offset < self._ends.get(record.partition, 0):
                self._take(record)
            else:
                self._mark(record)

    def finish(self) -> None:
        """All of the topic was added: what came again from behind its last record counts, too."""
        for record in self._again.take_rest():
            self._take(record)
        self._base.execute("COMMIT")

    def find(self, keys: Collection[str]) -> dict[str, Folded]:
        """What the log says of these documents, as far as it says anything."""
        marks = ",".join("?" * len(keys))
        rows = self._base.execute(f"SELECT * FROM documents WHERE key IN ({marks})", list(keys))  # noqa: S608
        return {each.key: each for each in map(self._folded, rows)}

    def passed_over(self, key: str, partition: int, rank: Rank) -> Folded | None:
        """The record of a document at a place, where the fold left it out; it is given this rank.

        That is so of dead letters, and of what is no event by these rules: then `event` is None.
        """
        query = "SELECT moment, value FROM passed_over WHERE key=? AND partition=? AND place=?"
        row = self._base.execute(query, (key, partition, rank.offset)).fetchone()
        if row is None:
            return None
        record = Record(self._topic, partition, rank.offset, row[0], key.encode(), row[1])
        return Folded(key, self._event(record), rank, record, pending=False)

    def hold(self, passed_over: Folded) -> None:
        """Remember one that `passed_over` found, for `held`."""
        key, rank = passed_over.key, passed_over.rank
        if passed_over.record is not None:
            row = (key, passed_over.record.partition, rank.offset, rank.version)
            self._base.execute("INSERT OR REPLACE INTO held VALUES (?,?,?,?)", row)

    def held(self) -> Iterator[list[Folded]]:
        """Those that are remembered, as `pages`."""
        for page in self._pages("SELECT * FROM held"):
            found = [self.passed_over(key, partition, Rank(version, place)) for key, partition, place, version in page]
            yield [each for each in found if each is not None]

    def pages(self) -> Iterator[list[Folded]]:
        """All documents, some at a time, by key."""
        for page in self._pages("SELECT * FROM documents"):
            yield list(map(self._folded, page))

    def _pages(self, query: str) -> Iterator[list[Any]]:
        """The rows of a table, some at a time, by the key that they begin with."""
        after = ""
        while page := self._base.execute(f"{query} WHERE key > ? ORDER BY key LIMIT ?", (after, PAGE)).fetchall():
            yield page
            after = page[-1][0]

    def _take(self, record: Record) -> None:
        """Make it its document's state where it is newer than what is."""
        letter = self._letters.find(record)
        event = None if self._is_dead(record, letter) else self._event(record)
        if event is None:
            self._pass_over(record, letter)
            return
        row = self._base.execute(
            "SELECT version, place, partition FROM documents WHERE key=? AND known", (event.key,)
        ).fetchone()
        known = None if row is None else (row[0], row[1])
        rank = self._rank(event, known)
        if known is None or rank > Rank(*known):
            self._put(event, rank, record)
        if row is not None and row[2] != record.partition:
            self._divide(event.key)

    def _divide(self, key: str) -> None:
        self.divided = key
        self._base.execute("UPDATE documents SET divided=1 WHERE key=?", (key,))

    def _event(self, record: Record) -> Event | None:
        try:
            return decode(record, self._rules)
        except BadEvent:
            return None

    def _pass_over(self, record: Record, letter: Letter | None) -> None:
        if (key := possible_key(record.key)) is not None:
            if letter is not None and letter.reason == Reason.PARTITION_MOVED:
                self._divide(key)
            row = (key, record.partition, record.offset, record.timestamp, record.value)
            self._base.execute("INSERT OR REPLACE INTO passed_over VALUES (?,?,?,?,?)", row)

    def _put(self, event: Event, rank: Rank, record: Record) -> None:
        self._base.execute(
            _PUT,
            (event.key, record.partition, record.offset, rank.version, record.timestamp, record.value),
        )

    def _rank(self, event: Event, known: tuple[int, int] | None) -> Rank:
        if self._rules.order is Order.LOG:
            return Rank(0, event.offset)
        if event.version is not None:
            return Rank(event.version, event.offset)
        told = event.again.version if event.again is not None else None
        return Rank(max(told or 0, known[0] if known else 0), event.offset)

    def _mark(self, record: Record) -> None:
        """Note that the log holds more of this document."""
        if (key := possible_key(record.key)) is not None:
            self._base.execute(_MARK, (key, record.partition))

    def _is_dead(self, record: Record, letter: Letter | None) -> bool:
        if letter is None:
            return False
        if letter.state is not State.RETRIED:
            return True
        attempts = self._again.attempts(record)
        return attempts is None or attempts < letter.attempts

    def _folded(self, row: Sequence[Any]) -> Folded:
        key, partition, place, version, moment, value, known, pending, divided = row
        if not known:
            return Folded(key, None, Rank(-1, -1), None, pending=True)
        record = Record(self._topic, partition, place, moment, key.encode(), value)
        event, until = decode(record, self._rules), self._ends.get(partition, 0)
        return Folded(key, event, Rank(version, place), record, bool(pending), until, bool(divided))
