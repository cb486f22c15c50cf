"""Answers that are kept, each proven from the change feed before it is given again.

request → version, term statistics → key → hot, shared → proof → answer; else one computes for all who ask the same.
Why no answer is older than the watermarks that it comes with: docs/caching.md.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, NamedTuple

from freshet.schemas.fields import Kind
from freshet.search.asking import Asked
from freshet.search.feed.base import Following
from freshet.search.feed.mark import Mark
from freshet.search.feed.ring import Changes, Ring
from freshet.search.index.facts import built_at, built_to, told_as
from freshet.search.live import LiveVersion
from freshet.search.results.base import Answered, Compute, Computed, Resolve, SharedResults
from freshet.search.results.entry import Entry
from freshet.search.results.flights import Flight
from freshet.search.results.key import result_key
from freshet.search.results.lifetimes import Lifetimes
from freshet.search.results.memory import HotResults
from freshet.search.results.metrics import Outcome, ResultMetrics
from freshet.search.results.proving import RULES, Reason, Rule, is_worth_it, touched

OFF_LOOP: Final = 4_000  # changes and their passages, from which on a test is done in a thread: half a millisecond
TELL_AGAIN: Final = 30.0  # seconds, after which others are told how far an answer has come that is still asked for
_TELLING: Final = 64  # tellings under way at most; what comes on top is not told


@dataclass(frozen=True, slots=True)
class Way:
    """How this process makes answers: the declared fields, and a digest of all that shapes an answer but the index."""

    fields: Mapping[str, Kind]
    shape: str


class _Known(NamedTuple):
    """What answers of a version can be proven by: its incarnation, and the feed that tells of it.

    `told` is what the feed calls the version.
    """

    version: str
    incarnation: str
    feed: str

    @property
    def told(self) -> str:
        return told_as(self.version, self.incarnation)


class ResultCache:
    """Answers searches from what is kept, and keeps what is computed. `ring` and `lifetimes` hear of all changes.

    For one event loop. `clock` is in seconds since the epoch; `rules` are those of the proof.
    """

    def __init__(
        self,
        *,
        following: Following,
        ring: Ring,
        memory: HotResults,
        shared: SharedResults | None,
        way: Way,
        lifetimes: Lifetimes,
        metrics: ResultMetrics,
        clock: Callable[[], float] = time.time,
        rules: Mapping[Reason, Rule] = RULES,
    ) -> None:
        self._following = following
        self._ring = ring
        self._memory = memory
        self._shared = shared
        self._way = way
        self._lifetimes = lifetimes
        self._metrics = metrics
        self._clock = clock
        self._rules = rules
        self._fills: dict[str, _Fill] = {}
        self._telling: set[asyncio.Task[None]] = set()
        self._last: _Known | None = None
        metrics.watch(answers=lambda: memory.bytes, changes=lambda: ring.bytes)

    async def answer(
        self, asked: Asked, resolve: Resolve, compute: Compute, *, at_least: Mapping[int, int]
    ) -> Answered:
        """A kept answer that is proven, or what `compute` makes of it, once for all who ask the same at the same time.

        `resolve` tells which version a kept answer may be of. `at_least` are watermarks, by partition: where they are
        reached in this process, no answer is from before. Raises what `resolve` and `compute` raise.
        """
        live = await resolve()
        key, known = await self._look(asked, live)
        answered = None if known is None else await self._kept(key, known)
        if answered is None:
            now = self._following.mark(live.told).watermarks
            wanted = {partition: min(offset, now.get(partition, -1)) for partition, offset in at_least.items()}
            outcome = Outcome.OFF if known is None else Outcome.MISS
            answered = await self._computed(key, asked, compute, wanted, outcome)
        return answered

    def keeps(self, live: LiveVersion) -> bool:
        """As `Answers.keeps`: not while they could not be proven."""
        return self._known(live, self._following.mark(live.told)) is not None

    async def close(self) -> None:
        """Give up what is under way. Idempotent."""
        for task in self._telling:
            task.cancel()
        await asyncio.gather(*self._telling, return_exceptions=True)

    async def _look(self, asked: Asked, live: LiveVersion) -> tuple[str, _Known | None]:
        """What equal searches have in common, and what an answer is proven by; None where nothing can be proven."""
        known = self._known(live, self._following.mark(live.told))
        if known not in (None, self._last):
            self._memory.clear()  # of another version, or beside another feed: none of it is asked for again
            self._last = known
        statistics = await live.snapshots.current()
        return self._key(asked, live, None if statistics is None else statistics.number, known), known

    def _known(self, live: LiveVersion, mark: Mark) -> _Known | None:
        """What answers of the version are proven by, now.

        Nothing while its build has not come to the end that the log had when it began (`built_to`): below, changes are
        not told. Where it had caught up once it is beyond, also in partitions that have nothing to read.
        """
        incarnation, feed = live.incarnation, self._following.identity
        if incarnation is None or feed is None or not self._following.sure:
            return None
        facts = live.info.metadata
        told = built_at(facts) is not None or _reach(mark.watermarks, built_to(facts))
        return _Known(live.name, incarnation, feed) if told else None

    def _key(self, asked: Asked, live: LiveVersion, statistics: int | None, known: _Known | None) -> str:
        feed = "" if known is None else known.feed
        return result_key(asked, live, statistics, feed=feed, shape=self._way.shape)

    async def _kept(self, key: str, known: _Known) -> Answered | None:
        hot = self._memory.get(key)
        if hot is not None and (answered := await self._proven(key, hot, known)):
            self._metrics.asked(Outcome.HOT)
            return answered
        shared = await self._from_others(key, known)
        if shared is not None and (answered := await self._proven(key, shared, known)):
            self._metrics.asked(Outcome.SHARED)
            return answered
        return None

    async def _from_others(self, key: str, known: _Known) -> Entry | None:
        value = None if self._shared is None else await self._shared.get(key)
        entry = None if value is None else Entry.from_bytes(value)
        return entry if entry is not None and entry.version == known.version else None

    async def _proven(self, key: str, entry: Entry, known: _Known) -> Answered | None:
        """The answer, where it is still true, with where the process was when that was found out."""
        # The mark and the changes are of one instant: nothing is waited for in between.
        if self._clock() >= entry.expires or not self._following.sure or self._following.identity != known.feed:
            return None
        mark = self._following.mark(known.told)
        if _is_ahead(entry.positions, mark.positions):
            return None
        changes = self._ring.since(known.told, entry.positions)
        if changes is None or not is_worth_it(entry, changes):
            reason: Reason | None = Reason.OLD
        else:
            reason = await self._touched(entry, changes)
        if reason is not None:
            self._metrics.voided(reason)
            if self._memory.get(key) is entry:
                self._memory.drop(key)
            return None
        if self._memory.get(key) in (None, entry):  # else somebody has computed it anew meanwhile, or proven it
            self._memory.move(key, self._tell_again(key, entry.moved(mark.positions)))
        return Answered(entry.content, mark, cached=True)

    async def _touched(self, entry: Entry, changes: Changes) -> Reason | None:
        if changes.size < OFF_LOOP:
            return touched(entry, changes, self._way.fields, self._rules)
        return await asyncio.to_thread(touched, entry, changes, self._way.fields, self._rules)

    async def _computed(
        self, key: str, asked: Asked, compute: Compute, at_least: Mapping[int, int], outcome: Outcome
    ) -> Answered:
        others = self._fills.get(key)
        if others is not None and others.note.has_seen(at_least):
            self._metrics.asked(Outcome.JOINED)
            return await others.flight.result()
        self._metrics.asked(outcome)
        note = _Note(self._begun)
        flight = Flight(self._fill(note, asked, compute), ended=partial(self._ended, key, note))
        self._fills[key] = _Fill(note, flight)
        return await flight.result()

    async def _fill(self, note: _Note, asked: Asked, compute: Compute) -> Answered:
        computed = await compute(note.begin)
        live, mark, known = note.begun
        if known is not None and computed.keepable:
            key = self._key(asked, live, computed.statistics, known)
            self._memory.put(key, self._tell(key, self._entry(asked, computed, mark)))
        return Answered(computed.content, mark)

    def _begun(self, live: LiveVersion) -> _Begun:
        mark = self._following.mark(live.told)
        return _Begun(live, mark, self._known(live, mark))

    def _ended(self, key: str, note: _Note) -> None:
        fill = self._fills.get(key)
        if fill is not None and fill.note is note:
            del self._fills[key]

    def _entry(self, asked: Asked, computed: Computed, mark: Mark) -> Entry:
        request = asked.request
        return Entry(
            content=computed.content,
            positions=mark.positions,
            searched=computed.searched,
            met=computed.met,
            tenant=request.tenant,
            filters=request.filters,
            facets=request.facets,
            expires=self._clock() + self._lifetimes.of(request.tenant),
        )

    def _tell_again(self, key: str, entry: Entry) -> Entry:
        """Tell others where an answer has come to, before it is older than the changes that they still know."""
        return self._tell(key, entry) if self._clock() - entry.told >= TELL_AGAIN else entry

    def _tell(self, key: str, entry: Entry) -> Entry:
        """Tell others of an answer, in the background."""
        if self._shared is None or len(self._telling) >= _TELLING:
            return entry
        now = self._clock()
        entry = replace(entry, told=now)
        task = asyncio.create_task(self._shared.put(key, entry.to_bytes(), ttl=entry.expires - now))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)
        return entry


class _Begun(NamedTuple):
    """With which version a computation was begun, and where the process was then."""

    live: LiveVersion
    mark: Mark
    known: _Known | None


class _Note:
    """Where a computation was begun."""

    def __init__(self, take: Callable[[LiveVersion], _Begun]) -> None:
        self._take = take
        self._begun: _Begun | None = None

    @property
    def begun(self) -> _Begun:
        if self._begun is None:
            raise RuntimeError("an answer was computed without a note of where that was begun")
        return self._begun

    def begin(self, live: LiveVersion) -> None:
        """As `Begin`."""
        self._begun = self._take(live)

    def has_seen(self, watermarks: Mapping[int, int]) -> bool:
        """Whether it has read, or will read, all below watermarks that the process has reached by now."""
        return self._begun is None or _reach(self._begun.mark.watermarks, watermarks)


class _Fill(NamedTuple):
    """A computation for all who ask the same."""

    note: _Note
    flight: Flight[Answered]


def _is_ahead(positions: Mapping[int, int], seen: Mapping[int, int]) -> bool:
    """Whether an answer was proven up to where this process has not come to.

    Another process may be a moment ahead. Or the feed lost its end, and has other records at these offsets now.
    """
    return any(offset > seen.get(partition, 0) for partition, offset in positions.items())


def _reach(watermarks: Mapping[int, int], wanted: Mapping[int, int]) -> bool:
    return all(watermarks.get(partition, 0) >= offset for partition, offset in wanted.items())
