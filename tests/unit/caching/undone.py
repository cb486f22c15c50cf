"""Each rule that docs/caching.md rests on, and what the code would be without it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pytest

from freshet.search.feed.ring import Changes, Ring
from freshet.search.live import LiveVersion
from freshet.search.results import cache, proving
from freshet.search.results.base import Answered, Computed
from freshet.search.results.cache import ResultCache
from freshet.search.results.entry import Entry
from freshet.search.results.key import result_key
from freshet.search.results.proving import Reason
from freshet.search.sparse import SparseVector
from freshet.streams import telling
from tests.unit.caching.world import Upstream

Patch = pytest.MonkeyPatch


def note_first(patch: Patch) -> None:
    """Where the process is in the feed is noted once the index was read, and not before."""
    patch.setattr(cache._Note, "begun", property(lambda self: self._take(self._begun.live)))


def _without(reason: Reason) -> Callable[[Patch], None]:
    def undo(patch: Patch) -> None:
        kept = {name: rule for name, rule in proving.RULES.items() if name is not reason}
        patch.setattr("tests.unit.caching.searches.PROOF", kept)

    return undo


def not_full(patch: Patch) -> None:
    """Nothing enters a list that was not full."""
    near, sharing = proving._near, proving._sharing

    def nobody(stretch: Any, query: Any, last: float | None) -> Any:
        return near(stretch, query, np.inf if last is None else last)

    def shares(stretch: Any, query: SparseVector, searched: Any) -> Any:
        return sharing(stretch, query, replace(searched, last=np.inf) if searched.last is None else searched)

    patch.setattr(proving, "_near", nobody)
    patch.setattr(proving, "_sharing", shares)


def statistics_number(patch: Patch) -> None:
    key = result_key
    patch.setattr(cache, "result_key", lambda asked, live, _number, **more: key(asked, live, None, **more))


def filters(patch: Patch) -> None:
    """Every filter is taken to let nothing pass."""
    passes = proving._passes

    def fails(given: Any, state: Any, fields: Any) -> bool | None:
        return passes(given, state, fields) if given is None else False

    patch.setattr(proving, "_passes", fails)


def ring_forgets(patch: Patch) -> None:
    """It gives what it still has, and does not say that there was more."""

    def since(self: Ring, version: str, positions: Mapping[int, int]) -> Changes:
        known = self._versions.get(version)
        there = {partition: positions.get(partition, 0) for partition in self._begun}
        return Changes() if known is None else Changes(known.since(there))

    patch.setattr(Ring, "since", since)


def one_position(patch: Patch) -> None:
    """A position for all partitions, the highest, instead of one for each."""
    moved = Entry.moved

    def highest(self: Entry, positions: Mapping[int, int]) -> Entry:
        return moved(self, dict.fromkeys(positions, max(positions.values(), default=0)))

    patch.setattr(Entry, "moved", highest)


def one_instant(patch: Patch) -> None:
    """The watermarks that are told are those of a later instant than the changes that were looked at."""

    async def proven(self: ResultCache, key: str, entry: Entry, known: Any) -> Answered | None:
        found = await _proven(self, key, entry, known)
        if found is None:
            return None
        await self._shared.get(key)  # type: ignore[union-attr]
        return replace(found, mark=self._following.mark(known.version))

    _proven = ResultCache._proven
    patch.setattr(ResultCache, "_proven", proven)


def written_first(patch: Patch) -> None:
    patch.setattr(Upstream, "announce_first", True)


def told_whole(patch: Patch) -> None:
    """Only the passages that are new are told."""

    def passages_of(self: Any, key: str) -> Any:
        record = self.records[key]
        batch = self._batch
        return [(batch.vectors[i], batch.terms[i]) for i in (record.passages if record else ()) if i in batch.vectors]

    patch.setattr(telling._States, "passages_of", passages_of)


def told_again(patch: Patch) -> None:
    """What is found written is taken to have been told by whoever wrote it."""
    patch.setattr(telling, "_is_told", lambda _record, _batch: True)


def built_to(patch: Patch) -> None:
    patch.setattr(cache, "built_to", lambda _facts: {})


def incarnation(patch: Patch) -> None:
    patch.setattr(LiveVersion, "incarnation", property(lambda _: "any"))


def fresher_wish(patch: Patch) -> None:
    """Whoever computes an answer computes it for all, however new they want it."""
    patch.setattr(cache._Note, "has_seen", lambda _self, _watermarks: True)


def settled(patch: Patch) -> None:
    """Answers are kept whose lists say less than the index held."""
    patch.setattr(Computed, "keepable", property(lambda self: not self.content.degraded))


def begun_anew(patch: Patch) -> None:
    """A tail that begins anew keeps what it knew, as if nothing had come in between."""
    begin = Ring.begin

    def go_on(self: Ring, positions: Mapping[int, int]) -> None:
        if not self._begun:
            begin(self, positions)

    patch.setattr(Ring, "begin", go_on)


UNDONE: Final[Mapping[str, Callable[[Patch], None]]] = {
    "note_first": note_first,
    "candidates": _without(Reason.CANDIDATE),
    "dense": _without(Reason.DENSE),
    "sparse": _without(Reason.SPARSE),
    "listing": _without(Reason.LISTING),
    "facets": _without(Reason.FACETS),
    "untold": _without(Reason.UNTOLD),
    "not_full": not_full,
    "filters": filters,
    "statistics_number": statistics_number,
    "ring_forgets": ring_forgets,
    "begun_anew": begun_anew,
    "one_position": one_position,
    "one_instant": one_instant,
    "written_first": written_first,
    "told_whole": told_whole,
    "told_again": told_again,
    "built_to": built_to,
    "incarnation": incarnation,
    "fresher_wish": fresher_wish,
}
