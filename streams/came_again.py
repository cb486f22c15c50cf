"""What came again, on disk and in the order of the places that it came from."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any, Final

from freshet.schemas.again import Again
from freshet.schemas.decoding import Record
from freshet.streams.again import BY_VALUE

_TABLE: Final = """
CREATE TABLE again (partition INT, place INT, key BLOB, moment REAL, value BLOB, why TEXT, attempts INT, version INT,
                    PRIMARY KEY (partition, place, key))
"""
_PUT: Final = "INSERT OR REPLACE INTO again VALUES (?,?,?,?,?,?,?,?)"
_TAKE: Final = "SELECT * FROM again WHERE partition=? AND place>=? AND place<? ORDER BY place"
_ATTEMPTS: Final = "SELECT attempts FROM again WHERE partition=? AND place=? AND key=?"
_END: Final = 2**62  # no record lies there


class CameAgain:
    """Filled first, and then taken. `base` is the caller's, who begins and commits."""

    def __init__(self, base: sqlite3.Connection, *, topic: str) -> None:
        self._base = base
        self._topic = topic
        self._done: dict[int, int] = {}
        base.execute(_TABLE)

    def add(self, record: Record) -> None:
        """One at its origin. Of those of one document and origin the last one counts, as it does for compaction."""
        if (again := record.again) is not None:
            row = (record.timestamp, record.value, again.why.value, again.attempts, again.version)
            self._base.execute(_PUT, (*_place(record), *row))

    def take(self, partition: int, before: int) -> Iterator[Record]:
        """Those from places below `before` that were not taken yet, one at a time.

        Where compaction has left little of the topic these are nearly all. SQLite lets other tables be written while
        this one is read.
        """
        start = self._done.get(partition, 0)
        self._done[partition] = max(before, start)
        with closing(self._base.execute(_TAKE, (partition, start, before))) as rows:
            yield from map(self._record, rows)

    def take_rest(self) -> Iterator[Record]:
        """Those that were not taken yet."""
        for (partition,) in self._base.execute("SELECT DISTINCT partition FROM again").fetchall():
            yield from self.take(partition, _END)

    def attempts(self, record: Record) -> int | None:
        """How often a record had been tried before it came again; None where it did not."""
        found = self._base.execute(_ATTEMPTS, _place(record)).fetchone()
        return None if found is None else int(found[0])

    def _record(self, row: Sequence[Any]) -> Record:
        partition, place, key, moment, value, why, attempts, version = row
        again = Again(BY_VALUE[why], attempts, version)
        return Record(self._topic, partition, place, moment, key or None, value, again=again)


def _place(record: Record) -> tuple[int, int, bytes]:
    """Without a key as with an empty one: SQLite takes no null for equal to another."""
    return record.partition, record.offset, record.key or b""
