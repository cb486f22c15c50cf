"""What an index version was built for, and the names that follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from freshet.schemas.errors import SettingsError
from freshet.schemas.keys import digest
from freshet.search.bm25 import Bm25
from freshet.search.embedding.base import Model
from freshet.search.index.base import VersionInfo
from freshet.search.passages import Recipe


@dataclass(frozen=True, slots=True)
class Identity:
    """A model and the recipes that make an index version: equal fingerprints hold interchangeable vectors."""

    index: str
    model: Model
    recipe: Recipe
    text: Bm25 = field(default_factory=Bm25)

    @property
    def fingerprint(self) -> str:
        return digest(self.model.fingerprint, self.recipe.fingerprint, self.text.fingerprint)[:16]

    @property
    def version(self) -> str:
        """Name of the physical collection."""
        return f"{self.index}__{self.fingerprint}"

    @property
    def group(self) -> str:
        """The consumer group that keeps this version true to the log."""
        return f"freshet.{self.index}.{self.fingerprint}"

    @property
    def agents_group(self) -> str:
        """The consumer group of the worker's Faust app, which counts dead letters."""
        return f"freshet-agents.{self.index}.{self.fingerprint}"

    def info(self, *, topic: str, partitions: int) -> VersionInfo:
        """What is recorded with the collection when it is made."""
        metadata = {
            "fingerprint": self.fingerprint,
            "model": self.model.name,
            "variant": self.model.variant,
            "window": self.recipe.window,
            "languages": list(self.text.languages),
            "average_length": self.text.average_length,
            "topic": topic,
            "partitions": partitions,
        }
        return VersionInfo(self.version, self.model.dimension, metadata)


def is_group_of(index: str, group: str) -> bool:
    """Whether a consumer group is that of a version of this index, whose name may hold dots, as fingerprints do not."""
    return group.rpartition(".")[0] == f"freshet.{index}"


def check_fingerprint(identity: Identity, live: VersionInfo) -> None:
    """Raise SettingsError where the live version was built for something else than the settings say."""
    if live.metadata.get("fingerprint") == identity.fingerprint:
        return
    wanted = identity.info(topic="", partitions=0).metadata
    another = f"FRESHET_INDEX={identity.index}-2"
    raise SettingsError(
        f"the index {identity.index!r} was built for {_describe(live.metadata)}, but the settings describe "
        f"{_describe(wanted)}; {_way_back(live.metadata)}build a new index beside it with: {another} freshet worker "
        f"(and serve it with: {another} freshet search)"
    )


def check_source(live: VersionInfo, *, topic: str, partitions: int) -> None:
    """Raise SettingsError where the version follows another topic, or one that was cut anew."""
    followed = (live.metadata.get("topic"), live.metadata.get("partitions"))
    if followed != (topic, partitions):
        grown = "publish everything to a new topic, for this one now has documents in two partitions, and "
        raise SettingsError(
            f"the index version {live.name} follows the topic {followed[0]} with {followed[1]} partitions, but "
            f"{topic} has {partitions}; {grown if followed[0] == topic else ''}"
            "give the new index another name with FRESHET_INDEX"
        )


def _describe(metadata: Mapping[str, Any]) -> str:
    languages = metadata.get("languages")
    words = "no words" if languages is None else f"words in {', '.join(languages)}"
    length = metadata.get("average_length", "?")
    counted = "" if languages is None else f" (average length {length})"
    model, window = metadata.get("model", "an unknown model"), metadata.get("window", "?")
    return f"{model} with a window of {window} tokens and {words}{counted}"


def _way_back(metadata: Mapping[str, Any]) -> str:
    """Nothing brings back what an older Freshet did not index."""
    return "" if metadata.get("languages") is None else "set FRESHET_EMBEDDING__… and FRESHET_SPARSE__… back, or "
