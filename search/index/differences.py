"""In what the version that the settings describe differs from the live one, and what that costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from freshet.schemas.words import Word
from freshet.search.index.base import VersionInfo
from freshet.search.index.identity import Identity


class Part(Word):
    """A part of the settings that may differ; its meaning says what of it must be embedded again."""

    MODEL = "model", "every text is embedded by the other model"
    PASSAGES = "passages", "texts that are cut otherwise are embedded again"
    WORDS = "words", "words are counted anew; vectors are taken from the live version"
    TOPIC = "topic", "the other topic is read; texts that are the same keep their vectors"
    GENERATION = "generation", "all is written anew; vectors are taken from the live version"
    FIELDS = "fields", "no new version is needed: a worker makes payload indexes when it starts"


class Difference(NamedTuple):
    """A part, with what the live version was made with and what the settings say."""

    part: Part
    live: str
    settings: str


def differences(wanted: Identity, live: VersionInfo, *, topic: str, fields: Sequence[str] = ()) -> list[Difference]:
    """What differs from the live version. `fields` are declared ones that it has no payload index for."""
    facts = live.metadata
    told = wanted.info(topic=topic, partitions=0).metadata
    pairs = {
        Part.MODEL: [_model(facts, live.dimension), _model(told, wanted.model.dimension)],
        Part.PASSAGES: [f"{each.get('window', '?')} tokens" for each in (facts, told)],
        Part.WORDS: [_words(each) for each in (facts, told)],
        Part.TOPIC: [str(each.get("topic", "?")) for each in (facts, told)],
        Part.GENERATION: [str(each.get("generation", 1)) for each in (facts, told)],
        Part.FIELDS: ["", ", ".join(fields)],
    }
    return [Difference(part, before, now) for part, (before, now) in pairs.items() if before != now]


def _model(facts: Mapping[str, Any], dimension: int) -> str:
    name = " ".join(filter(None, (facts.get("model", "?"), facts.get("variant"))))
    return f"{name}, {dimension}"


def _words(facts: Mapping[str, Any]) -> str:
    languages = facts.get("languages")
    return "none" if languages is None else f"{', '.join(languages)}, {facts.get('average_length', '?')} a passage"
