"""What a filter means here is what the engine makes of it, whatever documents hold."""

import tempfile
from collections.abc import Iterator
from typing import Any

import pytest
import qdrant_edge as edge
from hypothesis import given, settings
from hypothesis import strategies as st

from freshet.local.qdrant.filters import to_filter
from freshet.local.qdrant.payload_indexes import to_schema
from freshet.schemas.declared import check_filter
from freshet.schemas.filters import Filter
from freshet.schemas.matching import matches
from freshet.search.index.qdrant.filters import PAYLOAD_INDEXES, to_qdrant
from tests.support.filtering import FIELDS, documents, field_conditions, field_documents, filters

DOCUMENTS = 6


@pytest.fixture(scope="module")
def shard() -> Iterator[edge.EdgeShard]:
    """An engine with a payload index for every declared field."""
    with tempfile.TemporaryDirectory() as folder:
        config = edge.EdgeConfig(vectors={"v": edge.EdgeVectorParams(2, edge.Distance.Dot)})
        shard = edge.EdgeShard.create(folder, config)
        for path, kind in FIELDS.items():
            schema = to_schema(PAYLOAD_INDEXES[kind])
            shard.update(edge.UpdateOperation.create_field_index(f"metadata.{path}", schema))
        yield shard
        shard.close()


@settings(max_examples=200, deadline=None)
@given(stored=st.lists(documents(), min_size=1, max_size=DOCUMENTS), asked=filters())
def test_the_engine_selects_what_the_filter_means(shard: edge.EdgeShard, stored: list[dict[str, Any]], asked: Filter):
    assert selected(shard, stored, asked) == meant(stored, asked)


@pytest.mark.parametrize("path", [path for path in FIELDS if "." not in path])
def test_the_engine_selects_what_each_kind_of_condition_means(shard: edge.EdgeShard, path: str):
    @settings(max_examples=150, deadline=None)
    @given(stored=st.lists(field_documents(path), min_size=1, max_size=DOCUMENTS), condition=field_conditions(path))
    def check(stored: list[dict[str, Any]], condition: dict[str, Any]) -> None:
        asked = Filter.model_validate({"must": [condition]})
        assert selected(shard, stored, asked) == meant(stored, asked)
        counterpart = Filter.model_validate({"must_not": [condition]})
        assert selected(shard, stored, counterpart) == set(range(len(stored))) - meant(stored, asked)

    check()


def meant(stored: list[dict[str, Any]], asked: Filter) -> set[Any]:
    check_filter(asked, FIELDS)
    return {n for n, metadata in enumerate(stored) if matches(asked, metadata, FIELDS)}


def selected(shard: edge.EdgeShard, stored: list[dict[str, Any]], asked: Filter) -> set[Any]:
    points = [edge.Point(n, {}, {"metadata": metadata}) for n, metadata in enumerate(stored)]
    shard.update(edge.UpdateOperation.delete_points(list(range(DOCUMENTS))))
    shard.update(edge.UpdateOperation.upsert_points(points))
    found, _ = shard.scroll(edge.ScrollRequest(limit=100, filter=to_filter(to_qdrant(asked)), with_payload=False))
    return {point.id for point in found}
