import pytest

from freshet.search.index.base import VersionInfo
from freshet.search.index.facts import (
    State,
    again_built_to,
    began_at,
    built_to,
    group_of,
    is_version_of,
    state_of,
)

FINGERPRINT = "0123456789abcdef"


def version(number: int, **facts: object) -> VersionInfo:
    return VersionInfo(f"docs__{number:016x}", 8, facts)


@pytest.mark.parametrize("suffix", [FINGERPRINT, f"{FINGERPRINT}-2", f"{FINGERPRINT}-17"])
def test_a_collection_is_a_version_of_the_index_before_its_fingerprint(suffix):
    assert is_version_of("docs", f"docs__{suffix}")
    assert is_version_of("docs__x", f"docs__x__{suffix}")
    assert not is_version_of("docs", f"docs__x__{suffix}")
    assert not is_version_of("doc", f"docs__{suffix}")


@pytest.mark.parametrize("suffix", ["", "notes", "0123", f"{FINGERPRINT}0", f"{FINGERPRINT}-0", f"{FINGERPRINT}-"])
def test_other_collections_of_a_server_are_no_versions(suffix):
    assert not is_version_of("docs", f"docs__{suffix}")


def test_a_group_has_the_name_of_its_version():
    assert group_of("docs", f"docs__{FINGERPRINT}-2") == f"freshet.docs.{FINGERPRINT}-2"


def test_what_a_version_is_for_is_told_by_the_alias_and_by_what_is_recorded():
    live = version(1, previous=version(2).name)
    assert state_of(live, live) is State.LIVE
    assert state_of(version(2), live) is State.PREVIOUS
    assert state_of(version(3), live) is State.BUILDING
    assert state_of(version(3, built_at="2026-11-30T10:00:00+00:00"), live) is State.READY
    assert state_of(version(3), None) is State.BUILDING


def test_where_a_build_ends_is_known_by_partition_and_nowhere_for_the_first_version():
    assert built_to({"built_to": {"0": 17, "3": 0}}) == {0: 17, 3: 0}
    assert built_to({}) == {}
    assert again_built_to({"again_built_to": {"0": 4, "3": 0}}) == {0: 4, 3: 0}
    assert again_built_to({"built_to": {"0": 17}}) == {}
    assert began_at({}) is None
