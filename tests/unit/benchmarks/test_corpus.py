import json
from pathlib import Path

import pytest

from benchmarks.corpus import CorpusError, read_corpus, take


def corpus(folder: Path, *lines: str) -> Path:
    (folder / "corpus.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def test_a_corpus_in_beirs_format_becomes_events(tmp_path: Path):
    line = json.dumps({"_id": "4983", "title": "White matter", "text": "Diffusion.", "metadata": {"x": 1}})
    expected = {"type": "upsert", "id": "4983", "title": "White matter", "text": "Diffusion."}
    assert read_corpus(corpus(tmp_path, line, "")) == [expected]


def test_a_document_needs_no_title(tmp_path: Path):
    assert read_corpus(corpus(tmp_path, '{"_id": "1", "text": "t"}'))[0]["title"] == ""


@pytest.mark.parametrize("line", ["{", "[]", '{"_id": "1"}', '{"text": "t"}', "1"])
def test_a_line_that_is_no_document_is_named(tmp_path: Path, line: str):
    with pytest.raises(CorpusError, match=r"corpus\.jsonl, line 2"):
        read_corpus(corpus(tmp_path, '{"_id": "1", "text": "t"}', line))


def test_a_folder_without_a_corpus_is_named(tmp_path: Path):
    with pytest.raises(CorpusError, match=str(tmp_path)):
        read_corpus(tmp_path)


def test_a_corpus_that_is_too_small_says_how_many_documents_it_has():
    with pytest.raises(CorpusError, match="has 1 documents, and 2 are needed"):
        take([{"id": "1"}], 2)
