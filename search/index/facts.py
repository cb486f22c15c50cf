"""What is known of an index version beside what it holds: its names, and the facts that are recorded with it.

They live with the collection itself, so whoever loses a worker loses nothing of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from freshet.search.index.base import VersionInfo

TOPIC_ID: Final = "topic_id"  # earlier releases did not record it
MODEL_FINGERPRINT: Final = "model_fingerprint"  # nor that
RECIPE_FINGERPRINT: Final = "recipe_fingerprint"  # nor how passages are cut and given to the model
BUILT_TO: Final = "built_to"  # by partition of the topic, its end when the build began; not of an index's first version
AGAIN_BUILT_TO: Final = "again_built_to"  # what the live version had done of the again topic then, by partition
BUILT_AT: Final = "built_at"  # when it had caught up for the first time, in ISO 8601
BEGAN_AT: Final = "began_at"  # when its build began beside another version, in ISO 8601
BUILD: Final = "build"  # what its build took: documents, events, seconds, tokens
PREVIOUS: Final = "previous"  # of the live version: the one that was live before
PAUSED: Final = "paused"  # whether its build rests
LIMIT: Final = "limit"  # events per second that all who build it may take together
INCARNATION: Final = "incarnation"  # an id that no other collection has had; earlier releases did not record it
DROPPED: Final = "dropped"  # whether it is being dropped: whoever follows it ends
_MADE_AS: Final = "#"  # stands in no name of a collection
_SUFFIX: Final = re.compile(r"[0-9a-f]{16}(-[1-9][0-9]*)?")


class State(StrEnum):
    """What an index version is for."""

    BUILDING = "building"
    READY = "ready"
    LIVE = "live"
    PREVIOUS = "previous"


def version_name(index: str, suffix: str) -> str:
    """The collection of a version; its suffix is the fingerprint, and the generation where that is not the first."""
    return f"{index}__{suffix}"


def is_version_of(index: str, name: str) -> bool:
    """Whether a collection is a version of this index, and not of one whose name only begins so."""
    return name.startswith(f"{index}__") and _SUFFIX.fullmatch(name.removeprefix(f"{index}__")) is not None


def group_of(index: str, version: str) -> str:
    """The consumer group that keeps a version true to the log."""
    return f"freshet.{index}.{_suffix(index, version)}"


def agents_group_of(index: str, version: str) -> str:
    """The consumer group of the Faust apps of its workers, which count dead letters."""
    return f"freshet-agents.{index}.{_suffix(index, version)}"


def state_of(info: VersionInfo, live: VersionInfo | None) -> State:
    """What a version is for, beside the live one."""
    if live is not None and info.name == live.name:
        return State.LIVE
    if live is not None and live.metadata.get(PREVIOUS) == info.name:
        return State.PREVIOUS
    return State.BUILDING if built_at(info.metadata) is None else State.READY


def built_to(facts: Mapping[str, Any]) -> dict[int, int]:
    """By partition, the offset up to which a version was built beside another; empty for an index's first version."""
    return _offsets(facts.get(BUILT_TO))


def again_built_to(facts: Mapping[str, Any]) -> dict[int, int]:
    """By partition of the again topic, the offset below which the live version had done all when the build began.

    Empty for an index's first version, and for one that an earlier release made.
    """
    return _offsets(facts.get(AGAIN_BUILT_TO))


def began_at(facts: Mapping[str, Any]) -> datetime | None:
    """When the build of a version began beside another; None for an index's first version."""
    found = facts.get(BEGAN_AT)
    return None if found is None else datetime.fromisoformat(found)


def built_at(facts: Mapping[str, Any]) -> datetime | None:
    """When a version had caught up with the log for the first time; None before that."""
    found = facts.get(BUILT_AT)
    return None if found is None else datetime.fromisoformat(found)


def incarnation(facts: Mapping[str, Any]) -> str | None:
    """What tells a version from a later one of the same name; None where nothing does.

    Whoever makes a collection gives it, in the call that makes it, so all see the same one from the beginning. It is
    never given later: of two who did so at once, one would have used another one for a while.
    """
    found = facts.get(INCARNATION)
    return None if found is None else str(found)


def told_as(version: str, made_as: str | None) -> str:
    """What the change feed calls a version of this incarnation: a name that no other collection ever had."""
    return version if made_as is None else f"{version}{_MADE_AS}{made_as}"


def collection_told(name: str) -> str:
    """The collection that the change feed calls so."""
    return name.partition(_MADE_AS)[0]


def _offsets(found: Mapping[str, Any] | None) -> dict[int, int]:
    return {int(partition): int(offset) for partition, offset in (found or {}).items()}


def _suffix(index: str, version: str) -> str:
    return version.removeprefix(f"{index}__")
