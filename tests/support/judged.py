"""Small judged collections on disk, in the format of BEIR."""

import json
from collections.abc import Mapping
from pathlib import Path

Text = str | tuple[str, str]
Grades = Mapping[str, Mapping[str, int]]


def write_judged(folder: Path, documents: Mapping[str, Text], queries: Mapping[str, str], grades: Grades) -> Path:
    """Documents are texts, or title and text, by their ids."""
    (folder / "qrels").mkdir(parents=True)
    titled = {id_: ("", each) if isinstance(each, str) else each for id_, each in documents.items()}
    corpus = [{"_id": id_, "title": title, "text": text} for id_, (title, text) in titled.items()]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(each) + "\n" for each in corpus))
    asked = [{"_id": id_, "text": text} for id_, text in queries.items()]
    (folder / "queries.jsonl").write_text("".join(json.dumps(each) + "\n" for each in asked))
    rows = [f"{query}\t{id_}\t{grade}\n" for query, found in grades.items() for id_, grade in found.items()]
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(rows))
    return folder
