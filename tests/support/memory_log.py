"""Topics in memory: the documents topic to read single records of, and what compaction leaves of a topic."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from freshet.schemas.decoding import Record
from freshet.schemas.positions import Place


class MemoryLog:
    """`Log` over a list of records that may change."""

    def __init__(self, records: list[Record]) -> None:
        self._records = records

    async def read(self, places: Collection[Place]) -> dict[Place, Record]:
        found = {Place(each.partition, each.offset): each for each in self._records}
        return {place: found[place] for place in places if place in found}


def compacted(records: Sequence[Record], upto: int | None = None) -> list[Record]:
    """What is left of records when the first `upto` (by default all) are compacted: the last of each key.

    Nulls stay, as they do for a while.
    """
    cleaned, tail = records[:upto], [] if upto is None else records[upto:]
    last = {(each.partition, each.key): each for each in cleaned}
    return [*sorted(last.values(), key=lambda each: each.offset), *tail]
