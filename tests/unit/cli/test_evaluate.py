"""`freshet evaluate` before anything is indexed: what is wrong is one line, and nothing was started for it."""

import json
from pathlib import Path

import pytest

from freshet.cli import evaluate
from freshet.cli.app import run
from freshet.evaluation.beir import read_folder
from freshet.evaluation.results import save
from freshet.schemas.decoding import Rules
from tests.support.judged import write_judged
from tests.unit.evaluation.test_comparing import evaluation

DOCUMENTS = {"d1": "one", "d2": "two"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FRESHET_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(evaluate, "_evaluate", lambda *_, **__: pytest.fail("it was started"))
    return write_judged(tmp_path / "mini", DOCUMENTS, {"q1": "one"}, {"q1": {"d1": 1}})


def complaint(capsys: pytest.CaptureFixture[str], code: int, *arguments: str) -> str:
    assert run(["evaluate", *arguments]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("freshet: ")
    assert captured.err.count("\n") == 1
    return captured.err.removeprefix("freshet: ").rstrip()


def test_a_folder_that_is_no_collection_is_a_mistake_of_use(tmp_path: Path, capsys):
    told = complaint(capsys, 2, str(tmp_path))
    assert told == f"{tmp_path}/corpus.jsonl: cannot be read: No such file or directory"


def test_a_broken_line_is_told_with_its_file(folder: Path, capsys):
    with (folder / "queries.jsonl").open("a") as file:
        file.write("nonsense\n")
    assert complaint(capsys, 2, str(folder)).startswith(f"{folder}/queries.jsonl, line 2: is not JSON: ")


def test_a_way_of_searching_that_does_not_exist_is_told_with_those_that_do(folder: Path, capsys):
    told = complaint(capsys, 2, str(folder), "--modes", "sparse,magic")
    assert told == "--modes: there is no 'magic'; there are sparse, dense, hybrid, reranked"


@pytest.mark.parametrize("modes", ["", " , "])
def test_no_way_of_searching_is_a_mistake(folder: Path, capsys, modes):
    assert complaint(capsys, 2, str(folder), "--modes", modes) == "--modes: names nothing"


def test_a_name_that_cannot_be_kept_is_told_before_the_work_not_after_it(folder: Path, capsys):
    assert complaint(capsys, 2, str(folder), "--save", "../x").startswith("'../x' cannot be a name")


def test_an_unknown_result_to_compare_with_is_told_before_the_work(folder: Path, capsys):
    told = complaint(capsys, 2, str(folder), "--against", "yesterday")
    assert told == "nothing was kept as 'yesterday', and there is no such file"


def test_a_result_of_other_queries_is_refused_before_the_work(folder: Path, tmp_path: Path, capsys):
    save(evaluation({"sparse": [0.5]}, queries_digest="others"), "yesterday", tmp_path / "data" / "evaluations")
    told = complaint(capsys, 2, str(folder), "--against", "yesterday")
    assert told == "--against: other queries or other judgements were used there (mini, test: 1 queries)"


def test_a_result_of_other_ways_of_searching_is_refused_before_the_work(folder: Path, tmp_path: Path, capsys):
    digest = read_folder(folder, rules=Rules()).queries_digest
    save(evaluation({"dense": [0.5]}, queries_digest=digest), "yesterday", tmp_path / "data" / "evaluations")
    told = complaint(capsys, 2, str(folder), "--against", "yesterday", "--modes", "sparse")
    assert told == "--against: there is only dense to compare with"


def test_settings_that_cannot_be_are_told(folder: Path, capsys, monkeypatch):
    monkeypatch.setenv("FRESHET_SEARCH__FUSION", "magic")
    assert complaint(capsys, 2, str(folder)).startswith("FRESHET_SEARCH__FUSION: ")


def test_a_missing_package_is_told_with_the_extra_that_has_it(folder: Path, capsys, monkeypatch):
    monkeypatch.setattr(evaluate, "EXTRA", ("json", "no_such_package"))
    told = complaint(capsys, 1, str(folder))
    assert told == "missing: no_such_package; install it with: pip install '.[evaluate]' in a checkout"


def test_what_programs_read_has_these_fields(capsys):
    found = evaluation({"sparse": [0.5, 1.0]})
    evaluate._print(found, found, json=True)
    printed = json.loads(capsys.readouterr().out)
    assert printed == {
        "corpus": {
            "name": "mini",
            "documents": 9,
            "passages": 9,
            "digest": "d",
            "split": "test",
            "queries": 2,
            "queries_digest": "same",
        },
        "setup": {
            "model": "m",
            "window": 9,
            "languages": ["en"],
            "average_length": 9,
            "fusion": "minmax",
            "list_length": 100,
            "fingerprint": "f",
        },
        "runs": [
            {
                "name": "sparse",
                "degraded": 0,
                "measures": {"ndcg@10": 0.75, "recall@100": 0.75, "mrr@10": 0.75},
                "latency_ms": {"p50": 1, "p95": 2},
                "queries": {
                    "q0": {"ndcg@10": 0.5, "recall@100": 0.5, "mrr@10": 0.5},
                    "q1": {"ndcg@10": 1, "recall@100": 1, "mrr@10": 1},
                },
            }
        ],
        "changes": [
            {
                "run": "sparse",
                "measure": measure,
                "before": 0.75,
                "after": 0.75,
                "delta": 0,
                "p": 1,
                "wins": 0,
                "losses": 0,
            }
            for measure in ("ndcg@10", "recall@100", "mrr@10")
        ],
    }


def test_a_table_has_a_row_for_each_way_and_for_each_change(capsys):
    before, now = evaluation({"sparse": [0.5, 0.5]}), evaluation({"sparse": [0.5, 1.0]})
    evaluate._print(now, before, json=False)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["sparse", "0.750", "0.750", "0.750", "1.0", "ms", "2.0", "ms"] in lines
    assert ["sparse", "ndcg@10", "0.500", "0.750", "+0.250", "1.0000", "1", "0"] in lines
