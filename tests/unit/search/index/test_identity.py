from dataclasses import replace

import pytest

from freshet.schemas.errors import MisfitError
from freshet.schemas.topics import Source
from freshet.search.bm25 import Bm25
from freshet.search.embedding.base import Model
from freshet.search.index.base import VersionInfo
from freshet.search.index.facts import MODEL_FINGERPRINT
from freshet.search.index.identity import (
    Identity,
    check_begin,
    check_beside,
    check_end,
    check_fingerprint,
    check_kept,
    check_live,
    check_source,
    is_group_of,
    is_of_model,
    lends_vectors,
    recorded_text,
    refuse_model,
)
from freshet.search.passages import Recipe

IDENTITY = Identity("docs.v2", Model("openvino", "m", 8, 128), Recipe(window=128))


def test_a_group_belongs_to_its_index_and_to_none_whose_name_only_begins_like_it():
    assert is_group_of("docs.v2", IDENTITY.group)
    assert not is_group_of("docs", IDENTITY.group)
    assert not is_group_of("docs.v", IDENTITY.group)
    assert not is_group_of("docs.v2", "freshet.docs.v2.extra.0123")


def made(identity: Identity, *, before: bool) -> VersionInfo:
    """A version as it is recorded now, or as an earlier release did, without the fingerprint of its model."""
    info = identity.info(topic="t", partitions=4)
    kept = {name: value for name, value in info.metadata.items() if name != MODEL_FINGERPRINT or not before}
    return VersionInfo(info.name, info.dimension, kept)


@pytest.mark.parametrize("before", [False, True], ids=["made now", "made by an earlier release"])
def test_a_version_is_searched_with_the_model_that_it_was_built_with_and_no_other(before):
    identity = Identity("docs", IDENTITY.model, Recipe(window=64), Bm25(("de", "en"), 70))
    version = made(identity, before=before)
    assert is_of_model(version, identity.model)
    assert is_of_model(version, Model("another provider", "m", 8, 128))
    for other in (("n", 8, 128), ("m", 9, 128), ("m", 8, 128, "int8")):
        assert not is_of_model(version, Model("openvino", *other))
    assert recorded_text(version) == identity.text


def test_a_version_without_words_cannot_be_searched_and_says_so():
    before = VersionInfo("docs__0123", 8, {"fingerprint": "0123", "model": "m", "window": 128})
    with pytest.raises(MisfitError, match="docs__0123 has no words"):
        recorded_text(before)


def test_a_model_that_is_not_at_hand_is_told_with_the_setting_that_names_others():
    told = str(refuse_model(made(IDENTITY, before=False), [Model("openvino", "mine", 8, 128)]))
    assert "was built for m with a window of 128 tokens" in told
    assert told.endswith("name it in FRESHET_SEARCH__OTHER_MODELS beside mine")


FOLLOWED = IDENTITY.info(topic="documents", partitions=4, topic_id="the-first")
NEW_VERSION = "FRESHET_GENERATION=2 "
# Under the name of the old topic the old `again` records and letters would count, at offsets of a log that is no more.
NEW_TOPIC = "FRESHET_TOPICS__DOCUMENTS=documents-2 "
AFRESH = [
    f"{NEW_TOPIC}freshet topics create",
    "everything published to it",
    f"{NEW_VERSION}{NEW_TOPIC}freshet replay run",
]


def test_a_version_may_follow_the_topic_that_it_was_made_for():
    check_source(IDENTITY, FOLLOWED, "documents", Source("documents", 4, "the-first"))


def test_brokers_that_tell_no_ids_and_versions_without_one_are_not_held_against_anybody():
    check_source(IDENTITY, FOLLOWED, "documents", Source("documents", 4))
    made_before = IDENTITY.info(topic="documents", partitions=4)
    check_source(IDENTITY, made_before, "documents", Source("documents", 4, "any"))


@pytest.mark.parametrize(
    ("topic", "found", "told"),
    [
        ("other", Source("other", 4, "the-first"), ["FRESHET_TOPICS__DOCUMENTS=documents again", NEW_VERSION]),
        ("documents", None, ["which is gone", *AFRESH]),
        ("documents", Source("documents", 4, "another"), ["deleted and created again", *AFRESH]),
        ("documents", Source("documents", 8, "another"), ["deleted and created again", *AFRESH]),
        ("documents", Source("documents", 8, "the-first"), ["with 4 partitions, but it has 8", *AFRESH]),
    ],
    ids=["another", "gone", "made anew", "made anew with more partitions", "grown"],
)
def test_a_version_whose_topic_is_not_the_one_that_it_follows_is_refused_with_what_to_do(topic, found, told):
    with pytest.raises(MisfitError) as error:
        check_source(IDENTITY, FOLLOWED, topic, found)
    assert all(
        each in str(error.value) for each in [*told, "freshet replay run (and put it live with: freshet promote)"]
    )
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(("committed", "end"), [(None, 0), (5, 5), (4, 5)])
def test_a_version_may_be_as_far_as_its_topic(committed, end):
    check_end(IDENTITY, FOLLOWED, 2, committed=committed, end=end)


def test_a_version_that_is_further_than_its_topic_is_refused_with_what_to_do():
    with pytest.raises(MisfitError, match=r"holds documents/2 up to offset 6, but that ends at 5") as error:
        check_end(IDENTITY, FOLLOWED, 2, committed=6, end=5)
    assert all(each in str(error.value) for each in AFRESH)


@pytest.mark.parametrize(("begin", "committed"), [(0, None), (3, None), (0, 0), (3, 3), (3, 1)])
def test_a_version_is_made_where_its_group_reads_all_that_there_is(begin, committed):
    check_begin(IDENTITY, "documents", 2, begin=begin, committed=committed)


def test_a_version_that_is_gone_is_not_made_empty_where_its_group_was():
    with pytest.raises(MisfitError, match=r"read documents\.again/2 up to offset 4, so a new one would lack") as error:
        check_begin(IDENTITY, "documents.again", 2, begin=3, committed=4)
    told = str(error.value)
    assert f"{NEW_VERSION}freshet worker" in told
    assert told.endswith(f"kafka-consumer-groups.sh --delete --group {IDENTITY.group}")


def test_an_index_without_words_is_refused_with_the_command_that_builds_another():
    before = VersionInfo("docs.v2__0123", 8, {"fingerprint": "0123", "model": "m", "window": 128})
    with pytest.raises(MisfitError) as error:
        check_fingerprint(IDENTITY, before)
    told = str(error.value)
    assert "no words" in told
    assert "build a version for them beside it with: freshet replay run" in told
    assert "back" not in told  # nothing sets an older Freshet back


def test_a_version_of_another_generation_is_another_version_of_the_same_vectors():
    anew = replace(IDENTITY, generation=2)
    assert anew.fingerprint == IDENTITY.fingerprint
    assert (anew.version, anew.group) == (f"{IDENTITY.version}-2", f"{IDENTITY.group}-2")
    assert is_group_of("docs.v2", anew.group)
    check_live(anew, anew.info(topic="t", partitions=4))


def test_settings_of_a_generation_that_is_not_there_are_refused_with_both_ways_out():
    live = replace(IDENTITY, generation=3).info(topic="t", partitions=4)
    with pytest.raises(MisfitError) as error:
        check_live(IDENTITY, live)
    assert "set FRESHET_GENERATION=3, or build a version for them beside it with: freshet replay run" in str(
        error.value
    )


def test_an_index_of_other_languages_is_refused_with_both_ways_out():
    german = Identity("docs", IDENTITY.model, IDENTITY.recipe, Bm25(("de",)))
    with pytest.raises(MisfitError, match=r"words in de .* words in en .* FRESHET_SPARSE__… back, or build") as error:
        check_fingerprint(Identity("docs", IDENTITY.model, IDENTITY.recipe), german.info(topic="t", partitions=4))
    assert "freshet replay run" in str(error.value)
    check_fingerprint(german, german.info(topic="t", partitions=4))


def test_a_version_is_built_beside_a_live_one_and_never_over_it():
    check_beside(IDENTITY, "docs.v2__0123456789abcdef")
    with pytest.raises(MisfitError, match=r"no index 'docs\.v2' yet; make it with: freshet worker"):
        check_beside(IDENTITY, None)
    with pytest.raises(MisfitError, match="is live already; keep it true to the log with: freshet worker"):
        check_beside(IDENTITY, IDENTITY.version)


def test_a_version_that_is_being_dropped_is_refused():
    check_kept(FOLLOWED)
    with pytest.raises(MisfitError, match=f"is being dropped; end that with: freshet versions drop {FOLLOWED.name}"):
        check_kept(replace(FOLLOWED, metadata={**FOLLOWED.metadata, "dropped": True}))


OF_THIS = {"model": Model("openai", "m", 8, 512), "recipe": Recipe(window=64), "text": Bm25(("de",)), "generation": 2}


@pytest.mark.parametrize("earlier", [False, True], ids=["", "of an earlier release"])
@pytest.mark.parametrize(
    ("other", "lent"),
    [
        (OF_THIS, True),
        ({"model": Model("openvino", "another", 8, 128)}, False),
        ({"model": Model("openvino", "m", 8, 128, "int8")}, False),
        ({"model": Model("openvino", "m", 4, 128)}, False),
    ],
    ids=["same model", "another model", "another variant", "another dimension"],
)
def test_a_version_lends_its_vectors_to_others_of_the_same_model(other, lent, earlier):
    info = replace(IDENTITY, **other).info(topic="t", partitions=4)
    if earlier:
        kept = {name: each for name, each in info.metadata.items() if not name.endswith("_fingerprint")}
        info = replace(info, metadata=kept)
    assert lends_vectors(info, IDENTITY) == lent


def test_a_version_whose_passages_were_given_to_the_model_in_another_way_lends_nothing():
    info = IDENTITY.info(topic="t", partitions=4)
    assert not lends_vectors(replace(info, metadata={**info.metadata, "recipe_fingerprint": "another"}), IDENTITY)
    assert not lends_vectors(replace(info, metadata={"model": "m"}), IDENTITY)
