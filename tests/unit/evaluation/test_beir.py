"""Whoever puts a judged collection together learns what is wrong with it, by file and line, before anything runs."""

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freshet.evaluation.beir import FolderError, Judged, read_folder
from freshet.schemas.decoding import Rules
from tests.support.judged import Text, write_judged

DOCUMENTS: dict[str, Text] = {"d1": ("Router", "Hold the button."), "d2": "Bring the parcel."}
QUERIES = {"q1": "reset", "q2": "parcel", "q3": "never judged"}
GRADES = {"q1": {"d1": 2}, "q2": {"d2": 1, "d1": 0}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_judged(tmp_path / "mini", DOCUMENTS, QUERIES, GRADES)


def read(folder: Path, **given: str) -> Judged:
    return read_folder(folder, rules=Rules(), **given)


def complaint(folder: Path) -> str:
    with pytest.raises(FolderError) as caught:
        read(folder)
    message = str(caught.value)
    assert "\n" not in message
    return message.replace(f"{folder}/", "")


def test_a_collection_is_its_documents_its_judged_queries_and_their_grades(folder: Path):
    judged = read(folder)
    assert judged.name == "mini"
    assert [each.key for each in judged.documents] == [b"d1", b"d2"]
    assert [(each.id, each.text) for each in judged.queries] == [("q1", "reset"), ("q2", "parcel")]
    assert judged.grades == GRADES
    assert judged.unknown == 0


def test_blank_lines_and_a_byte_order_mark_are_nothing(folder: Path):
    corpus = folder / "corpus.jsonl"
    before = read(folder)
    corpus.write_bytes(b"\xef\xbb\xbf" + corpus.read_bytes() + b"\n  \n")
    assert read(folder).documents == before.documents


def test_judgements_of_another_split_are_read_when_asked_for(folder: Path):
    (folder / "qrels" / "dev.tsv").write_text("query-id\tcorpus-id\tscore\nq3\td1\t1\n")
    assert read(folder, split="dev").grades == {"q3": {"d1": 1}}


def test_judgements_may_lie_beside_the_corpus_and_need_no_names_of_columns(folder: Path):
    (folder / "qrels" / "test.tsv").unlink()
    (folder / "qrels.tsv").write_text("q1\td1\t1\nq1\td1\t1\n")
    assert read(folder).grades == {"q1": {"d1": 1}}


def test_judgements_of_documents_that_are_not_there_are_counted_for_real_collections_have_some(folder: Path):
    (folder / "qrels.tsv").write_text("")
    (folder / "qrels" / "test.tsv").write_text("q1\tgone\t1\n")
    assert read(folder).unknown == 1


def test_ids_may_be_numbers(folder: Path):
    (folder / "corpus.jsonl").write_text('{"_id": 7, "text": "seven"}\n')
    assert [each.key for each in read(folder).documents] == [b"7"]


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"])
def test_a_file_that_is_missing_is_named(folder: Path, name):
    (folder / name).unlink()
    assert complaint(folder) == f"{name}: cannot be read: No such file or directory"


@pytest.mark.parametrize(
    ("name", "line", "told"),
    [
        ("corpus.jsonl", "{", "is not JSON: "),
        ("corpus.jsonl", "[" * 100_000, "is not JSON: "),
        ("corpus.jsonl", "[1]", "must be an object, not '[1]'"),
        ("corpus.jsonl", '{"text": "t"}', "has no _id"),
        ("corpus.jsonl", '{"_id": true, "text": "t"}', "has no _id"),
        ("corpus.jsonl", '{"_id": "d9"}', "text: "),
        ("corpus.jsonl", '{"_id": "d9", "text": 5}', "text: "),
        ("corpus.jsonl", '{"_id": "d9", "text": "t", "metadata": {"a": NaN}}', ""),
        ("corpus.jsonl", '{"_id": "d\\ud800", "text": "t"}', ""),
        ("corpus.jsonl", '{"_id": "d1", "text": "t"}', "the _id 'd1' is that of line 1, too"),
        ("queries.jsonl", '{"_id": "q9"}', "the query has no text"),
        ("queries.jsonl", '{"_id": "q9", "text": " "}', "the query has no text"),
        ("queries.jsonl", '{"_id": "q1", "text": "t"}', "the _id 'q1' is that of line 1, too"),
        ("qrels/test.tsv", "q1 d1 1", "must be query, document and grade with tabs between, not 'q1 d1 1'"),
        ("qrels/test.tsv", "q1\td1\tgood", "the grade must be a whole number, not 'good'"),
        ("qrels/test.tsv", "q9\td1\t1", "there is no query 'q9' in queries.jsonl"),
        ("qrels/test.tsv", "q1\td1\t1", "document 'd1' has two grades for query 'q1'"),
    ],
)
def test_a_broken_line_is_told_by_its_number(folder: Path, name, line, told):
    with (folder / name).open("a") as file:
        file.write(line + "\n")
    number = len((folder / name).read_text().splitlines())
    assert complaint(folder).startswith(f"{name}, line {number}: {told}")


@pytest.mark.parametrize(
    ("name", "told"), [("corpus.jsonl", "holds no documents"), ("qrels/test.tsv", "holds no judgements")]
)
def test_an_empty_file_is_a_mistake(folder: Path, name, told):
    (folder / name).write_text("")
    assert complaint(folder) == f"{name}: {told}"


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    line=st.binary(max_size=60)
    | st.text(max_size=40).map(str.encode)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.dictionaries(st.sampled_from(["_id", "text", "title", "metadata"]), inner, max_size=4),
    ).map(lambda v: json.dumps(v).encode())
)
def test_no_line_whatever_it_holds_is_more_than_one_clear_line(tmp_path_factory, name, line):
    folder = write_judged(tmp_path_factory.mktemp("hostile") / "mini", DOCUMENTS, QUERIES, GRADES)
    with (folder / name).open("ab") as file:
        file.write(line)
    with contextlib.suppress(FolderError):
        read(folder)
        return
    assert complaint(folder).startswith(f"{name}, line ")


SAME = {"documents": DOCUMENTS, "queries": QUERIES, "grades": GRADES}


@pytest.mark.parametrize(
    ("changed", "same_corpus", "same_queries"),
    [
        ({}, True, True),
        ({"documents": DOCUMENTS | {"d2": "Another text."}}, False, True),
        ({"queries": QUERIES | {"q1": "restart"}}, True, False),
        ({"grades": GRADES | {"q1": {"d1": 1}}}, True, False),
        ({"queries": QUERIES | {"q3": "still not judged"}}, True, True),
    ],
)
def test_digests_tell_a_collection_from_another(folder: Path, tmp_path: Path, changed, same_corpus, same_queries):
    one, other = read(folder), read(write_judged(tmp_path / "other", **{**SAME, **changed}))
    assert (one.corpus_digest == other.corpus_digest) is same_corpus
    assert (one.queries_digest == other.queries_digest) is same_queries
