"""Dead letters and their marks on disk, found by the records that they are about: in little memory, however many."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import Any, Final

from freshet.schemas.decoding import Record
from freshet.schemas.positions import FreshnessToken, Place
from freshet.streams.again import END_OF_LOGS
from freshet.streams.letters import KEPT_KEY, Fold, Letter, State, read

_TABLE: Final = """
CREATE TABLE letters (partition INT, place INT, moment INT, attempts INT, reason TEXT, key BLOB, size INT, cut INT,
                      lies_in INT, lies_at INT, time REAL, state TEXT,
                      PRIMARY KEY (partition, place, lies_in, lies_at)) WITHOUT ROWID
"""
_PUT: Final = "INSERT OR REPLACE INTO letters VALUES (?,?,?,?,?,?,?,?,?,?,?,?)"
_FIND: Final = """
SELECT * FROM letters WHERE partition=? AND place=? AND IFNULL(key, x'')=? AND (moment IS NULL OR moment=?)
"""
_STATES: Final = {state.value: state for state in State}


class KeptLetters:
    """Whatever is said about the records of `topic`, as it came; what of that counts is found when it is asked for.

    `base` is the caller's, who begins and commits.
    """

    def __init__(self, base: sqlite3.Connection, *, topic: str) -> None:
        self._base = base
        self._topic = topic
        base.execute(_TABLE)

    def add(self, record: Record) -> None:
        """One of the topic of dead letters. What is none, or about no record that there can be, is left out."""
        try:
            found = read(record)
        except ValueError:
            return
        if found.origin.topic == self._topic and found.origin.offset < END_OF_LOGS:
            self._base.execute(_PUT, _row(found))

    def find(self, record: Record) -> Letter | None:
        """The letter of a record, with its state; the newest where one tells no time and may be of another event.

        Another document may have one of the same place and time: what came again is told apart by its key.
        """
        fold, key, moment = Fold(), (record.key or b"")[:KEPT_KEY], round(record.timestamp * 1_000)
        with closing(self._base.execute(_FIND, (record.partition, record.offset, key, moment))) as rows:
            for row in rows:
                fold.put(self._letter(row))
        found = fold.letters()
        return found[-1] if found else None

    def _letter(self, row: Sequence[Any]) -> Letter:
        partition, place, moment, attempts, reason, key, size, cut, lies_in, lies_at, time, state = row
        origin = FreshnessToken(self._topic, partition, place)
        lies = Place(lies_in, lies_at)
        return Letter(origin, moment, attempts, reason, key, size, bool(cut), lies, time, _STATES[state])


def _row(letter: Letter) -> tuple[Any, ...]:
    event = letter.origin.partition, letter.origin.offset, letter.moment
    what = letter.attempts, letter.reason, letter.key, letter.size, letter.cut
    return (*event, *what, *letter.place, letter.time, letter.state.value)
