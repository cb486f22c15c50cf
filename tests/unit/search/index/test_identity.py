import pytest

from freshet.schemas.errors import SettingsError
from freshet.search.bm25 import Bm25
from freshet.search.embedding.base import Model
from freshet.search.index.base import VersionInfo
from freshet.search.index.identity import Identity, check_fingerprint, check_source, is_group_of
from freshet.search.passages import Recipe

IDENTITY = Identity("docs.v2", Model("openvino", "m", 8, 128), Recipe(window=128))


def test_a_group_belongs_to_its_index_and_to_none_whose_name_only_begins_like_it():
    assert is_group_of("docs.v2", IDENTITY.group)
    assert not is_group_of("docs", IDENTITY.group)
    assert not is_group_of("docs.v", IDENTITY.group)
    assert not is_group_of("docs.v2", "freshet.docs.v2.extra.0123")


@pytest.mark.parametrize(
    ("topic", "partitions", "told"),
    [("other", 4, "give the new index another name"), ("documents", 8, "publish everything to a new topic")],
)
def test_a_version_that_follows_another_topic_or_one_that_has_grown_is_refused_with_what_to_do(topic, partitions, told):
    info = IDENTITY.info(topic="documents", partitions=4)
    check_source(info, topic="documents", partitions=4)
    with pytest.raises(SettingsError, match=told) as error:
        check_source(info, topic=topic, partitions=partitions)
    assert str(error.value).endswith("with FRESHET_INDEX")


def test_an_index_without_words_is_refused_with_the_command_that_builds_another():
    before = VersionInfo("docs.v2__0123", 8, {"fingerprint": "0123", "model": "m", "window": 128})
    with pytest.raises(SettingsError) as error:
        check_fingerprint(IDENTITY, before)
    told = str(error.value)
    assert "no words" in told
    assert "FRESHET_INDEX=docs.v2-2 freshet worker" in told
    assert "back" not in told  # nothing sets an older Freshet back


def test_an_index_of_other_languages_is_refused_with_both_ways_out():
    german = Identity("docs", IDENTITY.model, IDENTITY.recipe, Bm25(("de",)))
    with pytest.raises(SettingsError, match=r"words in de .* words in en .* FRESHET_SPARSE__… back, or build") as error:
        check_fingerprint(Identity("docs", IDENTITY.model, IDENTITY.recipe), german.info(topic="t", partitions=4))
    assert "FRESHET_INDEX=docs-2 freshet worker" in str(error.value)
    check_fingerprint(german, german.info(topic="t", partitions=4))
