from freshet.search.embedding.base import Model
from freshet.search.index.identity import Identity, is_group_of
from freshet.search.passages import Recipe


def test_a_group_belongs_to_its_index_and_to_none_whose_name_only_begins_like_it():
    group = Identity("docs.v2", Model("openvino", "m", 8, 128), Recipe(window=128)).group
    assert is_group_of("docs.v2", group)
    assert not is_group_of("docs", group)
    assert not is_group_of("docs.v", group)
    assert not is_group_of("docs.v2", "freshet.docs.v2.extra.0123")
