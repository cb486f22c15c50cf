"""How writes are cut into requests."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from qdrant_client import AsyncQdrantClient, models

from freshet.schemas.keys import ledger_id
from freshet.schemas.positions import Rank
from freshet.search.index.qdrant import writer as module
from freshet.search.index.qdrant.writer import QdrantWriter
from freshet.search.index.records import Displaced
from tests.contract.index.making import DIMENSION, LONG_AGO, passage, record

LIMIT = 32 << 20  # the server's, bytes


class Recorder:
    """Stands in for the client, and keeps the bodies of writes as it would send them."""

    def __init__(self) -> None:
        self.bodies: list[Any] = []

    async def upsert(self, _collection: str, points: Any, *, update_filter: Any, wait: bool) -> models.UpdateResult:
        assert wait
        self.bodies.append(models.PointsList(points=points, update_filter=update_filter))
        return models.UpdateResult(status=models.UpdateStatus.COMPLETED)


def writer(sent: Recorder, dimension: int = DIMENSION) -> QdrantWriter:
    return QdrantWriter(cast("AsyncQdrantClient", sent), collection="docs", dimension=dimension)


def sizes(sent: Recorder) -> list[int]:
    return [len(body.model_dump_json(exclude_unset=True).encode()) for body in sent.bodies]


async def test_requests_stay_well_below_the_servers_limit_whatever_the_metadata():
    sent, heavy = Recorder(), {"notes": "東\n" * 200_000}  # 1 MB in the form that is sent
    await writer(sent).add([passage(f"{n}", metadata=heavy) for n in range(40)], at_most=LONG_AGO)
    assert max(sizes(sent)) < LIMIT / 3
    assert sum(len(body.points) for body in sent.bodies) == 40


async def test_vectors_count_too():
    sent, wide = Recorder(), 4096
    vectors = np.random.default_rng(1).random((256, wide), np.float32)
    await writer(sent, wide).add([passage(f"{n}", vector=v) for n, v in enumerate(vectors)], at_most=LONG_AGO)
    assert max(sizes(sent)) < LIMIT / 3
    assert sum(len(body.points) for body in sent.bodies) == 256


async def test_every_request_carries_the_condition():
    sent = Recorder()
    await writer(sent).commit([record(f"{n}", n) for n in range(600)], partition=0, read=[3, 1])
    assert [len(body.points) for body in sent.bodies] == [256, 256, 88]
    assert len({body.update_filter.model_dump_json() for body in sent.bodies}) == 1
    assert [point.id for body in sent.bodies for point in body.points] == [ledger_id(f"{n}") for n in range(600)]


@given(st.lists(st.integers(0, 3000), max_size=200))
def test_every_passage_is_removed_once_and_no_removal_is_large(lengths):
    documents = [
        Displaced(tuple(f"{d}-{n}" for n in range(size)), partition=0, at_most=Rank(0, d))
        for d, size in enumerate(lengths)
    ]
    removals = list(module._removals(documents))
    for removal in removals:
        assert 0 < len(removal) <= module.DOCUMENTS_A_REMOVAL
        assert 0 < sum(len(item.ids) for item in removal) <= module.IDS_A_REMOVAL
    removed = [(id_, item.at_most) for removal in removals for item in removal for id_ in item.ids]
    assert removed == [(id_, item.at_most) for item in documents for id_ in item.ids]
