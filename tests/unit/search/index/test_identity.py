import pytest

from freshet.schemas.errors import SettingsError
from freshet.search.embedding.base import Model
from freshet.search.index.identity import Identity, check_source, is_group_of
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
