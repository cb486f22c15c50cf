"""In what the settings differ from the live version."""

from dataclasses import replace

import pytest

from freshet.search.bm25 import Bm25
from freshet.search.embedding.base import Model
from freshet.search.index.differences import Part, differences
from freshet.search.index.identity import Identity
from freshet.search.passages import Recipe

LIVE = Identity("shop", Model("openvino", "mini", 384, 256), Recipe(256))
INFO = LIVE.info(topic="documents", partitions=4)


def parts(wanted, *, topic="documents", fields=()):
    return [each.part for each in differences(wanted, INFO, topic=topic, fields=fields)]


@pytest.mark.parametrize(
    ("wanted", "part", "live", "settings"),
    [
        (replace(LIVE, model=Model("openvino", "maxi", 768, 256)), Part.MODEL, "mini, 384", "maxi, 768"),
        (replace(LIVE, model=Model("openvino", "mini", 384, 256, "int8")), Part.MODEL, "mini, 384", "mini int8, 384"),
        (replace(LIVE, recipe=Recipe(128)), Part.PASSAGES, "256 tokens", "128 tokens"),
        (replace(LIVE, text=Bm25(("de", "en"))), Part.WORDS, "en, 100 a passage", "de, en, 100 a passage"),
        (replace(LIVE, text=Bm25(average_length=60)), Part.WORDS, "en, 100 a passage", "en, 60 a passage"),
        (replace(LIVE, generation=2), Part.GENERATION, "1", "2"),
    ],
)
def test_each_part_is_told_with_both_values(wanted, part, live, settings):
    (found,) = differences(wanted, INFO, topic="documents")
    assert found == (part, live, settings)


def test_nothing_differs_from_the_version_of_the_same_settings():
    assert parts(LIVE) == []
    assert parts(replace(LIVE, model=replace(LIVE.model, provider="openai", usd_per_million_tokens=9.0))) == []


def test_another_topic_and_fields_are_told_although_the_fingerprint_is_the_same():
    assert parts(LIVE, topic="documents-2", fields=["lang", "price"]) == [Part.TOPIC, Part.FIELDS]
