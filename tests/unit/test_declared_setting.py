"""`FRESHET_FIELDS`: which fields of the metadata are declared."""

import json
import os

import pytest

from freshet.cli.app import run
from freshet.schemas.errors import SettingsError
from freshet.schemas.fields import Kind
from freshet.settings import load_settings

DECLARED = {"price": "float", "author.name": "keyword", "items[].sku": "keyword"}


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith("FRESHET_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_nothing_is_declared_unless_told():
    assert load_settings().fields == {}


def test_fields_come_from_the_environment_or_a_file(monkeypatch, tmp_path):
    monkeypatch.setenv("FRESHET_FIELDS", json.dumps(DECLARED))
    assert load_settings().fields == {path: Kind(kind) for path, kind in DECLARED.items()}
    monkeypatch.delenv("FRESHET_FIELDS")
    (tmp_path / "fields.json").write_text(json.dumps(DECLARED))
    monkeypatch.setenv("FRESHET_FIELDS_FILE", str(tmp_path / "fields.json"))
    assert load_settings().fields == {path: Kind(kind) for path, kind in DECLARED.items()}


@pytest.mark.parametrize("value", ['{"price": "money"}', '{"a b": "float"}', "[]", "price", "7", '{"price": 7}'])
def test_a_mistake_names_the_variable(monkeypatch, value):
    monkeypatch.setenv("FRESHET_FIELDS", value)
    with pytest.raises(SettingsError, match=r"^FRESHET_FIELDS"):
        load_settings()


def test_mistakes_are_told_together_with_others(monkeypatch):
    monkeypatch.setenv("FRESHET_FIELDS", '{"price": "money", "a b": "float"}')
    monkeypatch.setenv("FRESHET_ORDER", "random")
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert all(part in str(refused.value) for part in ("'money'", "'a b'", "FRESHET_ORDER"))


def test_a_field_is_no_setting_of_its_own(monkeypatch, capsys):
    monkeypatch.setenv("FRESHET_FIELDS__PRICE", "float")
    assert run(["config"]) == 2
    assert "FRESHET_FIELDS__PRICE: there is no such setting" in capsys.readouterr().err


def test_what_is_declared_is_shown(monkeypatch, capsys):
    monkeypatch.setenv("FRESHET_FIELDS", json.dumps(DECLARED))
    assert run(["config", "--json"]) == 0
    [row] = [row for row in json.loads(capsys.readouterr().out) if row["variable"] == "FRESHET_FIELDS"]
    assert (row["value"], row["source"]) == (DECLARED, "environment")
