"""What an index holds of a document, in bytes: as told, against the points that are written."""

from __future__ import annotations

import json

import numpy as np
import pytest

from freshet.schemas.events import Upsert
from freshet.schemas.positions import Rank
from freshet.search.index.qdrant.payloads import ledger_point, passage_point
from freshet.search.index.records import LedgerRecord, Passage
from freshet.search.passages import Piece
from freshet.search.sparse import SparseVector
from freshet.streams.forecast.looking import payload_bytes
from freshet.streams.forecast.sampling import Sampled

ID = "00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize("passages", [0, 1, 7])
@pytest.mark.parametrize("tenant", [None, "shop"])
def test_the_payloads_of_a_document_are_known_within_a_tenth(passages, tenant):
    body = Upsert(type="upsert", id="kb-17", title="Returns", text="…", metadata={"lang": "en", "price": 12.5})
    text = "You may send it back. " * 30
    key, rank = f"{tenant}/kb-17" if tenant else "kb-17", Rank(0, 123_456)
    pieces = [Piece(text, text, 180)] * passages
    about = {"tenant": tenant, "partition": 3, "rank": rank, "title": body.title, "metadata": body.metadata}
    record = LedgerRecord(
        key=key,
        id="kb-17",
        version=None,
        event_time=1_795_000_000.123,
        searchable_at=1_795_000_001.5,
        content_digest="c" * 32,
        metadata_digest="m" * 32,
        passages=(ID,) * passages,
        tokens=1_000,
        **about,
    )
    vector, terms = np.zeros(2, np.float32), SparseVector.of({})
    points = [passage_point(Passage(id=ID, key=key, text=text, vector=vector, terms=terms, **about))] * passages
    payloads = [each.payload for each in (ledger_point(record), *points)]
    real = sum(len(json.dumps(each, separators=(",", ":"), ensure_ascii=False).encode()) for each in payloads)
    assert payload_bytes(Sampled(key, tenant), body, pieces) == pytest.approx(real, rel=0.1)
