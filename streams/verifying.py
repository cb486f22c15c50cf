"""Holding the whole index against the fold of the log, while workers go on writing.

The fold ends at the positions that the index version's group had committed, so what is found below them cannot be
excused; what lies behind them is `ahead` and nobody's fault. Reads are not of one moment, so whatever looks different
is read a second time, and counts only where nothing has changed in between.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from freshet.search.embedding.base import Embedded, Purpose
from freshet.search.index.base import IndexAudit
from freshet.search.index.records import Displaced, LedgerRecord, Passage, StoredPassage, Vector
from freshet.search.passages import Piece
from freshet.streams.comparing import Difference, Kind, alike, compare
from freshet.streams.folded import Ends, Folded, FoldedLog
from freshet.streams.orphans import SETTLE_SECONDS, Quiet, find_orphans

EMBED: Final = 256  # texts at once
_TOLD: Final = 100  # differences that are kept in words
Split = Callable[[str, str], Sequence[Piece]]
Advance = Callable[[int], object]


class Vectors(Protocol):
    """Where the vectors of texts are known, and a model that makes them."""

    async def known(self, texts: Sequence[str]) -> list[Vector | None]:
        """What is in the cache."""
        ...

    async def embed(self, texts: Sequence[str], *, purpose: Purpose = "index") -> Embedded:
        """As `Embedder.embed`."""
        ...


class Suspect(NamedTuple):
    """What looked different at first, with the record that was read then."""

    difference: Difference
    folded: Folded | None
    record: LedgerRecord | None


class Agreed(NamedTuple):
    """A passage that is as the log says, but for its vector, which was not looked at."""

    folded: Folded
    piece: Piece
    passage: Passage


class Unsure(NamedTuple):
    """A passage whose vector nobody knows."""

    text: str
    vector: Vector
    folded: Folded


@dataclass(slots=True)
class Found:
    """What a verification found.

    `ahead` counts documents that were left out since the log holds more of them; `waiting` those among them for which
    it did so from the beginning, and which wait for workers. The others changed meanwhile. Of what differed, `removed`
    was taken away by the verification itself; `followed` says whether anybody was there to mend the rest.
    """

    documents: int = 0
    passages: int = 0
    vectors: int = 0
    ahead: int = 0
    waiting: int = 0
    kinds: Counter[Kind] = field(default_factory=Counter)
    first: list[Difference] = field(default_factory=list)
    removed: int = 0
    followed: bool = True

    @property
    def differing(self) -> int:
        return sum(self.kinds.values())

    def note(self, difference: Difference) -> None:
        self.kinds[difference.kind] += 1
        if len(self.first) < _TOLD:
            self.first.append(difference)


class Healer(Protocol):
    """What is done about differences."""

    async def heal(self, difference: Difference, folded: Folded | None, record: LedgerRecord | None) -> None:
        """Have the document written again as the log says, or what the log knows nothing of removed."""
        ...

    async def remove(self, orphans: Sequence[Displaced]) -> None:
        """Remove points that belong to no state of a document."""
        ...


class Verifier:
    """One verification. `tombstones_since` is the time since which ended documents must still be recorded as such.

    `quiet` names the partitions where nothing that came again is on its way when it is asked. Of vectors that are not
    known, `sample` are made anew (all of them with None); `healer` is told what differs. It waits `pause` seconds
    between pages of documents.
    """

    def __init__(
        self,
        *,
        index: IndexAudit,
        log: FoldedLog,
        ends: Ends,
        split: Split,
        vectors: Vectors,
        tombstones_since: float,
        sample: int | None,
        quiet: Quiet,
        healer: Healer | None = None,
        pause: float = 0.0,
        advance: Advance = lambda _: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        dice: random.Random | None = None,
    ) -> None:
        self._index = index
        self._log = log
        self._ends = ends
        self._split = split
        self._vectors = vectors
        self._tombstones_since = tombstones_since
        self._sample = sample
        self._quiet = quiet
        self._healer = healer
        self._pause = pause
        self._advance = advance
        self._sleep = sleep
        self._dice = dice or random.Random()
        self._unsure: list[Unsure] = []
        self._seen = 0
        self._found = Found()

    async def run(self) -> Found:
        """Look at everything. Raises what the index, the model and `quiet` raise.

        Orphans come before whatever this run itself has come again.
        """
        for partition, end in self._ends.items():
            async for passages in self._index.stored(partition, below=end):
                await self._orphans(passages)
        async for records in self._index.records():
            await self._strays([each for each in records if each.stray is not None])
            await self._extras([each for each in records if each.stray is None])
        for page in self._log.held():
            await self._documents(page)
        for page in self._log.pages():
            await self._documents(page)
            self._advance(len(page))
            await self._sleep(self._pause)
        await self._embed_unsure()
        return self._found

    async def _documents(self, page: Sequence[Folded]) -> None:
        good = [each for each in page if each.event is not None and not each.pending]
        self._found.ahead += len(page) - len(good)
        self._found.waiting += len(page) - len(good)
        suspects, agreed = await self._look(good)
        self._found.documents += len(good)
        if suspects:
            await self._sleep(SETTLE_SECONDS)
            first = {each.difference.key: each for each in suspects}
            again, now_agreed = await self._look([each.folded for each in suspects if each.folded is not None])
            agreed += now_agreed
            for each in again:
                if each.record == first[each.difference.key].record:
                    await self._differs(each)
                else:
                    self._found.ahead += 1
        await self._check_vectors(agreed)

    async def _look(self, page: Sequence[Folded]) -> tuple[list[Suspect], list[Agreed]]:
        """What differs, and the passages of what does not."""
        ledger = await self._index.ledger([each.key for each in page])
        page = [self._counting(each, ledger.get(each.key)) for each in page]
        listed = [point for record in ledger.values() for point in record.passages]
        passages = await self._index.whole(listed) if listed else {}
        return await asyncio.to_thread(self._compare, page, ledger, passages)

    def _compare(
        self, page: Sequence[Folded], ledger: Mapping[str, LedgerRecord], passages: Mapping[str, Passage]
    ) -> tuple[list[Suspect], list[Agreed]]:
        suspects, agreed = list[Suspect](), list[Agreed]()
        for folded in page:
            record = ledger.get(folded.key)
            if record is not None and self._is_ahead(record):
                self._found.ahead += 1
                continue
            body = folded.event.upsert if folded.event is not None else None
            pieces = self._split(body.title, body.text) if body is not None else []
            difference = compare(folded, record, passages, pieces)
            if difference is None:
                points = record.passages if record is not None and body is not None else ()
                pairs = zip(pieces, points, strict=body is not None)
                agreed += [Agreed(folded, piece, passages[point]) for piece, point in pairs]
            elif not self._is_purged(difference, folded):
                suspects.append(Suspect(difference, folded, record))
        return suspects, agreed

    def _counting(self, folded: Folded, record: LedgerRecord | None) -> Folded:
        """The event to compare with: a newer one that the index holds although it has a letter, or the fold's.

        Whatever was processed again by other ways than a retry has its letter still.
        """
        if record is None or record.rank <= folded.rank:
            return folded
        held = self._passed_over(record)
        return held if held is not None and held.event is not None else folded

    def _passed_over(self, record: LedgerRecord) -> Folded | None:
        return self._log.passed_over(record.key, record.partition, record.rank)

    def _is_ahead(self, record: LedgerRecord) -> bool:
        return record.offset >= self._ends.get(record.partition, 0)

    def _is_purged(self, difference: Difference, folded: Folded) -> bool:
        """Whether a tombstone may be gone because its time is over."""
        long_ago = folded.record is not None and folded.record.timestamp < self._tombstones_since
        return difference.kind is Kind.TOMBSTONE and long_ago

    async def _differs(self, suspect: Suspect) -> None:
        self._found.note(suspect.difference)
        record = suspect.record
        if record is not None and self._passed_over(record) is not None:
            record = None  # it stands where the log has a record of the document, and is not to be forgotten
        if self._healer is not None:
            await self._healer.heal(suspect.difference, suspect.folded, record)

    async def _check_vectors(self, pairs: Sequence[Agreed]) -> None:
        self._found.passages += len(pairs)
        known = await self._vectors.known([piece.embedded for _, piece, _ in pairs]) if pairs else []
        wrong: dict[str, Folded] = {}
        for (folded, piece, passage), vector in zip(pairs, known, strict=True):
            if vector is None:
                self._keep_for_later(Unsure(piece.embedded, passage.vector, folded))
            else:
                self._found.vectors += 1
                if not alike(vector, passage.vector):
                    wrong[folded.key] = folded
        await self._wrong_vectors(wrong.values())
        if self._sample is None:
            await self._embed_unsure()

    def _keep_for_later(self, unsure: Unsure) -> None:
        """A sample of `sample` of all that come by, each as likely as any other (algorithm R; Vitter 1985)."""
        self._seen += 1
        if self._sample is None or len(self._unsure) < self._sample:
            self._unsure.append(unsure)
        elif (place := self._dice.randrange(self._seen)) < self._sample:
            self._unsure[place] = unsure

    async def _embed_unsure(self) -> None:
        unsure, self._unsure = self._unsure, []
        for start in range(0, len(unsure), EMBED):
            part = unsure[start : start + EMBED]
            fresh = await self._vectors.embed([each.text for each in part])
            self._found.vectors += len(part)
            pairs = zip(part, fresh.vectors, strict=True)
            await self._wrong_vectors({u.folded.key: u.folded for u, v in pairs if not alike(v, u.vector)}.values())

    async def _wrong_vectors(self, several: Iterable[Folded]) -> None:
        for folded in several:
            told = Difference(Kind.VECTOR, folded.key, "a passage has a vector that is not that of its text")
            await self._differs(Suspect(told, folded, None))

    async def _strays(self, records: Sequence[LedgerRecord]) -> None:
        """Note records under other points than their documents'. No worker writes any, so one look is enough."""
        for each in records:
            told = f"a record of it lies under {each.stray}, which is not its point"
            self._found.note(Difference(Kind.EXTRA, each.key, told))
        await self._remove([Displaced((str(each.stray),), each.partition, each.rank) for each in records])

    async def _extras(self, records: Sequence[LedgerRecord]) -> None:
        """Note what the log knows nothing of, and hold the events of documents of which it knows refused ones alone."""
        alive = {each.key: each for each in records if not each.deleted and not self._is_ahead(each)}
        known = self._log.find(alive)
        unknown = {key: record for key, record in alive.items() if key not in known and not self._hold(record)}
        if unknown:
            await self._sleep(SETTLE_SECONDS)
            still = await self._index.ledger(unknown)
            for key, record in still.items():
                if unknown[key] == record:
                    told = Difference(Kind.EXTRA, key, "the log has no event of it")
                    await self._differs(Suspect(told, None, record))

    def _hold(self, record: LedgerRecord) -> bool:
        """Have the event of a record looked at later, where the log passed it over; returns whether it did."""
        passed_over = self._passed_over(record)
        if passed_over is None or passed_over.event is None:
            return False
        self._log.hold(passed_over)
        return True

    async def _orphans(self, page: Sequence[StoredPassage]) -> None:
        orphans, unsure = await find_orphans(self._index, self._log, page, quiet=self._quiet, sleep=self._sleep)
        self._found.ahead += len({each.key for each in unsure})
        for each in orphans:
            self._found.note(Difference(Kind.ORPHAN, each.key, f"the passage {each.id} is listed nowhere"))
        await self._remove([Displaced((each.id,), each.partition, each.rank) for each in orphans])

    async def _remove(self, points: Sequence[Displaced]) -> None:
        if points and self._healer is not None:
            await self._healer.remove(points)
            self._found.removed += len(points)
