"""The folder: what it takes in, what it refuses, what it cleans up."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from qdrant_client import models

from freshet.local.qdrant.errors import ApiError
from freshet.local.qdrant.files import read_json, write_json
from freshet.local.qdrant.store import Store, StoreError

SETTINGS = models.CreateCollection(vectors=models.VectorParams(size=2, distance=models.Distance.DOT))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "data")
    yield store
    store.close()


def test_a_folder_in_use_is_refused(store: Store, tmp_path: Path):
    with pytest.raises(StoreError, match="served by another process"):
        Store(tmp_path / "data")


def test_a_folder_of_another_engine_version_is_refused(tmp_path: Path):
    Store(tmp_path).close()
    write_json(tmp_path / "engine.json", {"qdrant_edge": "0.1.0"})
    with pytest.raises(StoreError, match=r"written by qdrant-edge 0\.1\.0"):
        Store(tmp_path)


@pytest.mark.parametrize("name", ["docs__v1", "žluť", "a b", "x.y", "%2E", "docs@1", "ALIASES"])
def test_a_collection_can_have_any_harmless_name(tmp_path: Path, name: str):
    store = Store(tmp_path)
    store.create(name, SETTINGS)
    store.close()
    store = Store(tmp_path)
    assert store.names() == [name]
    assert store.delete(name)
    assert list((tmp_path / "collections").iterdir()) == []
    store.close()


@pytest.mark.parametrize("name", ["a/b", "..", ".", "", "a\\b", "a:b", "x" * 256, "nul\0"])
def test_a_collection_cannot_have_a_name_that_leads_out_of_its_folder(store: Store, name: str):
    with pytest.raises(ApiError) as refused:
        store.create(name, SETTINGS)
    assert refused.value.status == 422


def test_what_a_crash_left_of_a_collection_is_removed(tmp_path: Path):
    store = Store(tmp_path)
    store.create("a", SETTINGS)
    store.close()
    (tmp_path / "collections" / "a" / "collection.json").unlink()
    store = Store(tmp_path)
    assert store.names() == []
    store.create("a", SETTINGS)
    store.close()


def test_a_refused_collection_leaves_nothing_behind(store: Store, tmp_path: Path):
    multivector = models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM)
    vectors = models.VectorParams(size=2, distance=models.Distance.DOT, multivector_config=multivector)
    with pytest.raises(ApiError) as refused:
        store.create("a", models.CreateCollection(vectors=vectors))
    assert refused.value.status == 400
    assert (store.names(), list((tmp_path / "data" / "collections").iterdir())) == ([], [])


def test_an_alias_renamed_keeps_its_collection(store: Store):
    store.create("a", SETTINGS)
    store.create_alias("old", "a")
    store.rename_alias("old", "new")
    assert store.aliases() == {"new": "a"}
    with pytest.raises(ApiError) as refused:
        store.rename_alias("old", "other")
    assert refused.value.status == 404


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path):
    path = tmp_path / "state.json"
    write_json(path, {"turn": 1})
    with pytest.raises(ValueError, match="Unable to serialize"):
        write_json(path, {"turn": object()})
    assert read_json(path) == {"turn": 1}


def test_a_collection_that_cannot_be_opened_is_named(tmp_path: Path):
    store = Store(tmp_path)
    store.create("a", SETTINGS)
    store.close()
    (tmp_path / "collections" / "a" / "shard" / "edge_config.json").write_text("{")
    with pytest.raises(StoreError, match=r"cannot open the collection in .*collections/a: "):
        Store(tmp_path)
