"""What is kept can be read again, and what is no result is told."""

from pathlib import Path

import pytest

from freshet.evaluation.results import load, save
from freshet.schemas.errors import SettingsError
from tests.unit.evaluation.test_comparing import evaluation

RESULT = evaluation({"sparse": [0.25, 1.0]})


def test_what_is_kept_is_found_by_its_name_and_by_its_file(tmp_path: Path):
    file = save(RESULT, "before", tmp_path / "new")
    assert load("before", tmp_path / "new") == load(str(file), tmp_path) == RESULT


def test_a_name_that_is_used_again_holds_the_newer_result(tmp_path: Path):
    save(RESULT, "best", tmp_path)
    newer = evaluation({"sparse": [0.5, 1.0]})
    save(newer, "best", tmp_path)
    assert load("best", tmp_path) == newer
    assert [file.name for file in tmp_path.iterdir()] == ["best.json"]


@pytest.mark.parametrize("name", ["", "../etc", "a/b", ".hidden", "a" * 101, "with space"])
def test_a_name_never_leads_out_of_its_folder(tmp_path: Path, name):
    with pytest.raises(SettingsError, match="cannot be a name"):
        save(RESULT, name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_nobody_kept_is_told(tmp_path: Path):
    with pytest.raises(SettingsError, match="nothing was kept as 'nope', and there is no such file"):
        load("nope", tmp_path)


@pytest.mark.parametrize(
    ("text", "where"), [("{", "all of it"), ("{}", "corpus"), ('{"corpus": 1}', "corpus"), ("\x00", "all of it")]
)
def test_a_file_that_is_no_result_is_told_with_the_place(tmp_path: Path, text, where):
    (tmp_path / "other.json").write_text(text)
    with pytest.raises(SettingsError) as caught:
        load(str(tmp_path / "other.json"), tmp_path)
    assert f"is no result of freshet evaluate: {where}: " in str(caught.value)
