"""Flushes wait for a quiet moment, but not for ever, and the log reaches the disk meanwhile."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from qdrant_client import models

from freshet.local.qdrant import updates
from freshet.local.qdrant.config import FLUSH_SECONDS
from freshet.local.qdrant.store import Store
from freshet.local.qdrant.upkeep import QUIET_SECONDS, SYNC_SECONDS, Upkeep
from tests.unit.local.qdrant.test_store import SETTINGS


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "data")
    store.create("a", SETTINGS)
    yield store
    store.close()


def write(store: Store) -> None:
    point = models.PointStruct(id=1, vector=[1.0, 0.0])
    updates.upsert(store.collection("a"), models.PointsList(points=[point]))


async def test_it_flushes_as_soon_as_nobody_asks(store: Store, clock: Clock):
    upkeep = Upkeep(store, clock=clock)
    write(store)
    upkeep.asked()
    clock.now += QUIET_SECONDS
    await upkeep.tick()
    assert store.unflushed_logs() == []


async def test_while_requests_come_it_flushes_seldom_and_syncs_the_log(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_ino))
    upkeep = Upkeep(store, clock=clock)
    write(store)
    end = clock.now + FLUSH_SECONDS
    while clock.now + SYNC_SECONDS < end:
        clock.now += SYNC_SECONDS
        upkeep.asked()
        await upkeep.tick()
        [log] = store.unflushed_logs()
        assert set(synced) == {file.stat().st_ino for file in log.iterdir()}
        synced.clear()
    clock.now = end
    upkeep.asked()
    await upkeep.tick()
    assert store.unflushed_logs() == []


async def test_a_collection_deleted_meanwhile_does_not_stop_it(store: Store, clock: Clock):
    upkeep = Upkeep(store, clock=clock)
    write(store)
    upkeep.asked()
    logs = store.unflushed_logs()
    store.delete("a")
    store.unflushed_logs = lambda: logs  # type: ignore[method-assign]
    await upkeep.tick()
