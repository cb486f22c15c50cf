"""What both versions are asked."""

import pytest

from freshet.gate.questions import Question, of_documents, of_file, of_people
from freshet.schemas.errors import SettingsError
from freshet.schemas.fields import Kind
from freshet.schemas.filters import Filter
from freshet.streams.judged_queries import JudgedQuery
from tests.unit.gate.test_asking import Documents
from tests.unit.search.http.world import MemoryReader

GONE = Filter.model_validate({"must": [{"key": "metadata.price", "range": {"lt": 20}}]})


def test_queries_of_people_come_with_their_tenants_and_judgements():
    asked = [
        JudgedQuery("  shoes \n red", "acme", None, "sparse", 5, {"d1": 0.5}),
        JudgedQuery("\u200b", None, None, "hybrid", 5),
        JudgedQuery("by a field that is gone", None, GONE, "hybrid", 5),
    ]
    assert of_people(asked, {"lang": Kind.KEYWORD}) == [Question("shoes red", "acme", None, {"d1": 0.5})]


def test_queries_of_a_file_stand_one_a_line(tmp_path):
    file = tmp_path / "queries"
    file.write_text("one\n\n  two  words\nthree\n", encoding="utf-8")
    assert of_file(file, most=2) == [Question("one"), Question("two words")]


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"\n \n", "there is none"), (b"\xff", "is not UTF-8"), (b"ok\n" + b"x" * 8_001, "line 2 has more than 8,000")],
)
def test_a_file_that_cannot_be_asked_is_told_in_a_sentence(tmp_path, content, told):
    file = tmp_path / "queries"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=told):
        of_file(file, most=9)


async def test_a_document_asks_by_its_title_or_else_by_its_first_sentence():
    found = MemoryReader()
    found.put("titled", "Text.", title=" A  title ")
    found.put("untitled", "\n First things first. Then others.", tenant="acme")
    found.put("endless", " ".join(f"w{number}" for number in range(99)))
    found.put("empty", "")
    asked = await of_documents(Documents(found), most=9)
    assert asked[:2] == [Question("A title"), Question("First things first.", "acme")]
    assert asked[2].text.split() == [f"w{number}" for number in range(12)]
    assert len(asked) == 3
