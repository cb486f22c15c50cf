"""What an index version was built for, and the names that follow from it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from freshet.schemas.errors import MisfitError
from freshet.schemas.keys import digest
from freshet.schemas.topics import Source
from freshet.search.bm25 import Bm25
from freshet.search.embedding.base import Model
from freshet.search.index.base import VersionInfo
from freshet.search.index.facts import (
    DROPPED,
    MODEL_FINGERPRINT,
    RECIPE_FINGERPRINT,
    TOPIC_ID,
    agents_group_of,
    group_of,
    version_name,
)
from freshet.search.passages import Recipe

_BESIDE: Final = "build a version for them beside it with: freshet replay run"


@dataclass(frozen=True, slots=True)
class Identity:
    """A model and the recipes that make an index version: equal fingerprints hold interchangeable vectors.

    Versions of another generation are built anew, of the same or of another topic.
    """

    index: str
    model: Model
    recipe: Recipe
    text: Bm25 = field(default_factory=Bm25)
    generation: int = 1

    @property
    def fingerprint(self) -> str:
        return digest(self.model.fingerprint, self.recipe.fingerprint, self.text.fingerprint)[:16]

    @property
    def version(self) -> str:
        """Name of the physical collection."""
        suffix = self.fingerprint if self.generation == 1 else f"{self.fingerprint}-{self.generation}"
        return version_name(self.index, suffix)

    @property
    def group(self) -> str:
        """The consumer group that keeps this version true to the log."""
        return group_of(self.index, self.version)

    @property
    def agents_group(self) -> str:
        """The consumer group of the worker's Faust app, which counts dead letters."""
        return agents_group_of(self.index, self.version)

    def info(self, *, topic: str, partitions: int, topic_id: str | None = None) -> VersionInfo:
        """What is recorded with the collection when it is made."""
        told = {} if topic_id is None else {TOPIC_ID: topic_id}
        metadata = {
            **told,
            "fingerprint": self.fingerprint,
            "generation": self.generation,
            "provider": self.model.provider,
            "model": self.model.name,
            MODEL_FINGERPRINT: self.model.fingerprint,
            "variant": self.model.variant,
            "window": self.recipe.window,
            RECIPE_FINGERPRINT: self.recipe.fingerprint,
            "languages": list(self.text.languages),
            "average_length": self.text.average_length,
            "topic": topic,
            "partitions": partitions,
        }
        return VersionInfo(self.version, self.model.dimension, metadata)


def is_group_of(index: str, group: str) -> bool:
    """Whether a consumer group is that of a version of this index, whose name may hold dots, as fingerprints do not."""
    return group.rpartition(".")[0] == f"freshet.{index}"


def recorded_text(version: VersionInfo) -> Bm25:
    """How the words of a version were weighed. Raises MisfitError where it was made before there were any."""
    languages, length = (version.metadata.get(name) for name in ("languages", "average_length"))
    if not languages or not length:
        raise MisfitError(f"the index version {version.name} has no words: an older Freshet made it; build another one")
    return Bm25(tuple(languages), int(length))


def is_of_model(version: VersionInfo, model: Model) -> bool:
    """Whether vectors of this model can be compared with those of a version."""
    if version.dimension != model.dimension:
        return False
    recorded = version.metadata.get(MODEL_FINGERPRINT)
    if recorded is not None:
        return bool(recorded == model.fingerprint)
    # The version's fingerprint is a digest of the model's and of what was recorded always.
    window = version.metadata.get("window")
    if not window or "languages" not in version.metadata:  # of a release that knew no words
        return False
    supposed = Identity("", model, Recipe(int(window)), recorded_text(version))
    return version.metadata.get("fingerprint") == supposed.fingerprint


def refuse_model(version: VersionInfo, models: Collection[Model]) -> MisfitError:
    """What to say of a version that was built with none of these models."""
    return MisfitError(
        f"the index version {version.name} was built for {_describe(version.metadata)}, a model that is not at hand; "
        f"name it in FRESHET_SEARCH__OTHER_MODELS beside {', '.join(model.name for model in models)}"
    )


def check_fingerprint(identity: Identity, live: VersionInfo) -> None:
    """Raise MisfitError where the live version was built for something else than the settings say."""
    if live.metadata.get("fingerprint") == identity.fingerprint:
        return
    wanted = identity.info(topic="", partitions=0).metadata
    raise MisfitError(
        f"the index {identity.index!r} was built for {_describe(live.metadata)}, but the settings describe "
        f"{_describe(wanted)}; {_way_back(live.metadata)}{_BESIDE}"
    )


def check_live(identity: Identity, live: VersionInfo) -> None:
    """Raise MisfitError unless the live version is the one that the settings describe."""
    check_fingerprint(identity, live)
    if live.name != identity.version:
        raise MisfitError(
            f"the index {identity.index!r} is served from {live.name}, but the settings describe {identity.version}, "
            f"which is not there; set FRESHET_GENERATION={live.metadata.get('generation', 1)}, or {_BESIDE}"
        )


def check_beside(identity: Identity, live: str | None) -> None:
    """Raise MisfitError where there is nothing live beside which the version could be built, or it is live itself."""
    if live is None:
        raise MisfitError(f"there is no index {identity.index!r} yet; make it with: freshet worker")
    if live == identity.version:
        raise MisfitError(
            f"{live}, which the settings describe, is live already; keep it true to the log with: freshet worker "
            f"(to build it anew beside itself set another FRESHET_GENERATION)"
        )


def check_kept(own: VersionInfo) -> None:
    """Raise MisfitError where the version is being dropped."""
    if own.metadata.get(DROPPED):
        raise MisfitError(
            f"the index version {own.name} is being dropped; end that with: freshet versions drop {own.name}"
        )


def lends_vectors(lender: VersionInfo, wanted: Identity) -> bool:
    """Whether passages of a version have the vectors that they have in the wanted one, if they have titles as long.

    Earlier releases did not record how passages are given to the model: there was one way.
    """
    facts = lender.metadata
    if "window" not in facts or not is_of_model(lender, wanted.model):
        return False
    recipe = Recipe(window=int(facts["window"])).fingerprint
    return bool(facts.get(RECIPE_FINGERPRINT, recipe) == recipe)


def check_source(identity: Identity, live: VersionInfo, topic: str, found: Source | None) -> None:
    """Raise MisfitError where the version follows another topic than `topic`, or one that was cut or made anew.

    `found` is the topic of that name as it is now, None where there is none.
    """
    followed, partitions, known = (live.metadata.get(name) for name in ("topic", "partitions", TOPIC_ID))
    follows = f"the index version {live.name} follows the topic {followed}"
    if followed != topic:
        back = f"set FRESHET_TOPICS__DOCUMENTS={followed} again"
        raise MisfitError(f"{follows}, but the settings name {topic}; {back}, or {_another(identity)}")
    if found is None:
        raise MisfitError(f"{follows}, which is gone; {_afresh(identity, topic)}")
    if known is not None and found.id is not None and known != found.id:
        raise MisfitError(
            f"{follows}, which was deleted and created again since, so new events would be taken for older ones; "
            f"{_afresh(identity, topic)}"
        )
    if partitions != found.partitions:
        raise MisfitError(
            f"{follows} with {partitions} partitions, but it has {found.partitions}, so documents lie in two of them "
            f"now; {_afresh(identity, topic)}"
        )


def check_end(identity: Identity, live: VersionInfo, partition: int, *, committed: int | None, end: int) -> None:
    """Raise MisfitError where more of a partition was indexed than it holds: what comes next would pass for older."""
    if committed is not None and committed > end:
        topic = live.metadata["topic"]
        raise MisfitError(
            f"the index version {live.name} holds {topic}/{partition} up to offset {committed}, but that ends at "
            f"{end}: events were lost, or the topic was created again; {_afresh(identity, topic)}"
        )


def check_begin(
    identity: Identity,
    topic: str,
    partition: int,
    *,
    begin: int,
    committed: int | None,
    command: str = "freshet worker",
) -> None:
    """Raise MisfitError where a version that is yet to be made would not get what is left of a partition from `begin`.

    Its group goes on at the offset `committed`, wherever the version that it kept true until then has gone. `command`
    is what makes another one.
    """
    if committed is not None and committed > begin:
        raise MisfitError(
            f"the index version {identity.version} is gone, but its consumer group has read {topic}/{partition} up to "
            f"offset {committed}, so a new one would lack what is before; make another with: {_generation(identity)} "
            f"{command}, or stop its workers and let them read from the beginning with: "
            f"kafka-consumer-groups.sh --delete --group {identity.group}"
        )


def _afresh(identity: Identity, topic: str) -> str:
    """What to do where the topic's offsets are not to be trusted any more.

    Under its own name it would not do: what its sister topics hold comes from the old one, and ranks by where it lay.
    """
    another = f"FRESHET_TOPICS__DOCUMENTS={topic}-2"
    create = f"create another topic with: {another} freshet topics create"
    return f"{create}; have everything published to it, and {_another(identity, another)}"


def _another(identity: Identity, *settings: str) -> str:
    given = " ".join([_generation(identity), *settings])
    return f"build another version beside it with: {given} freshet replay run (and put it live with: freshet promote)"


def _generation(identity: Identity) -> str:
    return f"FRESHET_GENERATION={identity.generation + 1}"


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
