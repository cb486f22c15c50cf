"""What part of the log is meant by an argument, and what is said of one that was mistyped."""

from __future__ import annotations

import pytest

from freshet.cli.stretch import meant, stretch_of
from freshet.schemas.positions import FreshnessToken


def test_a_time_an_offset_and_ids_are_told_apart() -> None:
    assert stretch_of(["2026-11-20"], topic="documents", by_id=False).since == 1_795_132_800
    assert stretch_of(["documents/1@3"], topic="documents", by_id=False).start == FreshnessToken("documents", 1, 3)
    assert stretch_of(["kb-17"], topic="documents", by_id=False).ids == {"kb-17"}
    assert stretch_of(["2h", "3h"], topic="documents", by_id=False).ids == {"2h", "3h"}
    assert stretch_of(["2h"], topic="documents", by_id=True).surely


@pytest.mark.parametrize(
    "text", ["2026-13-01", "2026-11-20T25:00:00Z", "20.11.2026", "5x", "2 h", "1.5h", "-2h", "2hours"]
)
def test_of_what_looks_like_a_time_it_is_told_how_one_is_written(text: str) -> None:
    assert "a time is written alone" in meant(text, topic="documents")


@pytest.mark.parametrize("text", ["documents/1@-3", "documents/1", "documents/1@", "documents@3", "document/1@3"])
def test_of_what_looks_like_an_offset_it_is_told_how_one_is_written(text: str) -> None:
    assert "such as documents/0@17" in meant(text, topic="documents")


@pytest.mark.parametrize("text", ["kb-17", "17", "me@example.com", "https://example.com/a/1", "0a1b2c3d-55", "acme/kb"])
def test_of_other_ids_nothing_is_added(text: str) -> None:
    assert meant(text, topic="documents") == ""
