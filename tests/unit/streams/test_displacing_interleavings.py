"""What stands where no event is, taken away and replaced under fire: by owners, sleepers, crashes and sweeps.

As in test_interleavings.py. Somebody writes a record above all events of its document, once everything is done; a
verification has it taken away, and the newest event written again. In between nobody can say what is shown; what is
listed must exist, and afterwards the index equals the fold of the log. What it had listed stays behind, seen by nobody.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from freshet.schemas.again import Again, Why
from freshet.schemas.events import Event
from freshet.schemas.positions import Order, Rank
from freshet.streams.batch import Batch
from tests.support.scale import count
from tests.unit.streams.test_interleavings import Actor, World, fold, run

RUNS = count(3_000)
OFTEN = 0.4  # of the events


class SpoiltWorld(World):
    """`spoilt` tells of a document the rank that was written, `mended` from which offset of the log on that is over."""

    def __init__(self, seed: int, without: frozenset[str], order: Order) -> None:
        super().__init__(seed, without, order)
        self.spoilt: dict[str, Rank] = {}
        self.mended: dict[str, int] = {}
        self.again: list[tuple[int, Event]] = []
        self.times = 0

    def emit(self) -> None:
        key = self.random.choice("xyz")  # the log has no event of z
        if self.random.random() < OFTEN:
            if key not in self.spoilt:
                self.spoil(key)
            elif key not in self.mended:
                self.mend(key)
        super().emit()

    def spoil(self, key: str) -> None:
        record = self.points.ledger.get(key) or self.points.ledger.get("x")
        last = max((each.offset for each in self.log if each.key == key), default=-1)
        others = range(last + 1, self.committed)
        if record is None or not others:  # or some of its own are on their way
            return
        self.times += 1
        rank = Rank(0, self.random.choice(others))
        passages = []
        for point in record.passages:
            passage = self.points.passages[point]
            shared = record.key == key and self.random.random() < 0.5
            spoilt = replace(passage, id=point if shared else f"{point}-{self.times}", key=key, rank=rank)
            self.points.passages[spoilt.id] = spoilt
            passages.append(spoilt.id)
        parts: dict[str, Any] = {"key": key, "id": key, "rank": rank, "content_digest": "wrong", "deleted": False}
        self.points.ledger[key] = replace(record, passages=tuple(passages), **parts)
        self.spoilt[key] = rank

    def mend(self, key: str) -> None:
        """As a verification does that finds it now."""
        record, rank = self.points.ledger.get(key), self.spoilt[key]
        events = [each for each in self.log[: self.committed] if each.key == key]
        if record is None or record.rank != rank or (events and events[-1].offset > rank.offset):
            self.mended[key] = len(self.log)  # newer events came
            return
        if events:
            event = replace(events[-1], again=Again(Why.HEALED, until=self.committed, displaces=rank))
        else:
            event = Event(key, None, key, 0, rank.offset, 1.0, None, Again(Why.REMOVED, displaces=rank))
        self.again.append((len(self.log), event))
        self.mended[key] = len(self.log)

    def batch(self, at: int, end: int) -> Batch:
        batch = super().batch(at, end)
        for place, event in self.again:
            if at <= place < end and event.again is not None:
                batch.displacing.setdefault(event.key, []).append(event)
                if event.again.why is not Why.REMOVED:
                    batch.events.setdefault(event.key, []).append(event)
        return batch

    def spawn_purge(self) -> Actor:
        return self.spawn_sweep()  # after a purge beyond what was verified, only another verification mends

    def check(self) -> None:
        for key, place in self.mended.items():
            if self.watermark > place:
                self.spoilt.pop(key, None)
        self.mended = {key: place for key, place in self.mended.items() if key in self.spoilt}
        for key, record in self.points.ledger.items():
            if record.rank != self.spoilt.get(key):
                missing = set(record.passages) - set(self.points.passages)
                assert not missing, f"{key}: a listed passage is missing"
        hidden, self.points.ledger = self.points.ledger, dict(self.points.ledger)
        try:
            self._check_others()
        finally:
            self.points.ledger = hidden

    def _check_others(self) -> None:
        """What was not spoilt, as ever."""
        log = self.log
        self.log = [each for each in log if each.key not in self.spoilt]
        for key in self.spoilt:
            self.points.ledger.pop(key, None)
        try:
            super().check()
        finally:
            self.log = log

    def check_at_the_end(self) -> None:
        for key in {each.key for each in self.log} - self.spoilt.keys():
            *_, (_, expected) = fold([each for each in self.log if each.key == key], self.order)
            assert self.shown(self.points.ledger.get(key)) == expected, f"{key}: the index differs from the fold"
        assert self.spoilt.keys() >= {"z"} or "z" not in self.points.ledger


@pytest.mark.soak
async def test_no_interleaving_leaves_anything_of_what_stood_where_no_event_is() -> None:
    times = mended = 0
    for seed in range(RUNS):
        worlds: list[SpoiltWorld] = []

        def make(seed: int, without: frozenset[str], order: Order, made: list[SpoiltWorld] = worlds) -> SpoiltWorld:
            made.append(SpoiltWorld(seed, without, order))
            return made[0]

        try:
            await run(seed, make=make)  # type: ignore[arg-type]
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
        times += worlds[0].times
        mended += len(worlds[0].again)
    assert mended > times / 4 > 0, "hardly anything was tried"
