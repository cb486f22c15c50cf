"""`freshet config` shows what is set, and no secret."""

import atexit
import json
import os
from contextlib import redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from freshet.cli.app import run
from freshet.masking import masked
from freshet.schemas.errors import SettingsError
from freshet.search.index.qdrant.client import connect
from freshet.settings import fields, load_settings, names, variable
from tests.support.certificates import Authority

MARK = "MARKED"
SECRETS = [
    variable(path)
    for path, field in fields()
    if SecretStr in (field.annotation, *getattr(field.annotation, "__args__", ()))
]
ADDRESSES = [name for name in SECRETS if name.endswith("__URL")]
junk = st.text(st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs"]), max_size=6)
marked = st.tuples(junk, junk).map(MARK.join)
SHAPES = (
    "{}", "redis://user:{}@host:6379/0", "rediss://:{}@host", "redis://{}@host:1", "redis://host:6379/0?password={}",
    "unix://user:{}@/run/redis.sock?db=0", "redis://host/{}", "redis://host:1/0#{}",
    "redis://{}/55@host:1", "redis://user:1/{}@host",
)  # fmt: skip


@cache
def beside_secrets() -> dict[str, str]:
    """Settings without which some secrets would mean nothing."""
    folder = Path(mkdtemp())
    atexit.register(rmtree, folder)
    authority = Authority(folder)
    pair = authority.issue("me")
    return {
        "FRESHET_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
        "FRESHET_KAFKA__SASL_MECHANISM": "PLAIN",
        "FRESHET_KAFKA__USERNAME": "me",
        "FRESHET_KAFKA__CA_FILE": str(authority.ca),
        "FRESHET_KAFKA__CERTIFICATE_FILE": str(pair.certificate),
        "FRESHET_KAFKA__KEY_FILE": str(pair.key),
    }


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch, tmp_path):
    for name in os.environ:
        if name.startswith("FRESHET_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def printed(*arguments: str) -> str:
    out = StringIO()
    with redirect_stdout(out):
        assert run(["config", *arguments]) == 0
    return out.getvalue()


def rows() -> dict[str, dict[str, object]]:
    return {row["variable"]: row for row in json.loads(printed("--json"))}


@settings(deadline=None)
@given(secret=marked, shape=st.sampled_from(SHAPES))
def test_no_secret_ever_stands_in_the_output(secret, shape):
    assert len(SECRETS) >= 3
    environment = dict.fromkeys(SECRETS, secret) | dict.fromkeys(ADDRESSES, shape.format(secret))
    with patch.dict(os.environ, environment | beside_secrets()):
        assert MARK not in printed().upper()
        assert MARK not in printed("--json").upper()


@settings(deadline=None)
@given(secret=marked, shape=st.sampled_from(SHAPES))
def test_an_error_message_that_quotes_a_secret_is_shown_without_it(secret, shape):
    environment = dict.fromkeys(SECRETS, secret) | dict.fromkeys(ADDRESSES, shape.format(secret))
    with patch.dict(os.environ, environment | beside_secrets()):
        loaded = load_settings()
    for value in environment.values():
        assert MARK not in masked(f"cannot use {value}, alas", loaded)


def test_other_models_are_shown_without_their_secrets(monkeypatch):
    models = [{"provider": "openai", "model": "m", "api_key": "pa55word", "base_url": "http://me:pa66word@host/v1"}]
    monkeypatch.setenv("FRESHET_SEARCH__OTHER_MODELS", json.dumps(models))
    value: Any = rows()["FRESHET_SEARCH__OTHER_MODELS"]["value"]
    (shown,) = value
    assert (shown["model"], shown["api_key"]) == ("m", "********")
    assert shown["base_url"] == "http://********@host/v1"
    told = masked("the server refused pa55word and pa66word", load_settings())
    assert told == "the server refused ******** and ********"


@pytest.mark.parametrize(
    ("models", "told"),
    [
        ([{"provider": "openvino"}], "entry 1, model, Field required"),
        ([{"model": "a"}, {"model": "b", "provider": "magic"}], "entry 2, provider, Input should be"),
        ([{"model": "a", "window": 64}], "entry 1, window, Extra inputs are not permitted"),
        ([{"model": "a"}] * 5, "should have at most 4 items"),
    ],
)
def test_a_mistake_in_another_model_names_its_entry(monkeypatch, capsys, models, told):
    monkeypatch.setenv("FRESHET_SEARCH__OTHER_MODELS", json.dumps(models))
    assert run(["config"]) == 2
    error = capsys.readouterr().err
    assert "FRESHET_SEARCH__OTHER_MODELS: " in error
    assert told in error


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://qdrant.example:6333", "https://qdrant.example:6333"),
        ("https://qdrant.example/deep/path", "https://qdrant.example/deep/path"),
        ("https://me:pa55@qdrant.example:6333/x", "https://********@qdrant.example:6333/x"),
        ("https://qdrant.example/?key=pa55", "https://qdrant.example/?********"),
        ("http://me:pa/55@qdrant.example", "********"),
        ("http://me:55/word@qdrant.example", "********"),
        ("http://pa55/word@qdrant.example", "********"),
        ("http://me@[::1]:6333", "http://********@[::1]:6333"),
    ],
)
def test_a_password_in_an_address_is_masked_and_the_host_stays_to_be_checked(monkeypatch, address, shown):
    monkeypatch.setenv("FRESHET_QDRANT__URL", address)
    assert rows()["FRESHET_QDRANT__URL"]["value"] == shown


def test_every_setting_is_there_with_its_meaning():
    found = rows()
    assert list(found) == names()
    assert all(row["meaning"] and row["group"] for row in found.values())
    assert all(name in printed() for name in names())


def test_each_value_says_where_it_comes_from(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("FRESHET_INDEX=from-dotenv\nFRESHET_ORDER=version\nFRESHET_QDRANT__URL=http://b\n")
    (tmp_path / "key").write_text("top secret\n")
    monkeypatch.setenv("FRESHET_ORDER", "log")
    monkeypatch.setenv("FRESHET_TOPICS", '{"partitions": 7}')
    monkeypatch.setenv("freshet_search__port", "0")
    monkeypatch.setenv("FRESHET_QDRANT__API_KEY_FILE", str(tmp_path / "key"))
    found = {name: (row["value"], row["source"]) for name, row in rows().items()}

    assert found["FRESHET_INDEX"] == ("from-dotenv", ".env")
    assert found["FRESHET_ORDER"] == ("log", "environment")
    assert found["FRESHET_TOPICS__PARTITIONS"] == (7, "environment")
    assert found["FRESHET_TOPICS__DOCUMENTS"] == ("documents", "default")
    assert found["FRESHET_SEARCH__PORT"] == (0, "environment")
    assert found["FRESHET_QDRANT__URL"] == ("http://b", ".env")
    assert found["FRESHET_QDRANT__API_KEY"] == ("********", str(tmp_path / "key"))
    assert found["FRESHET_REDIS__URL"] == (None, "default")


def test_a_file_in_dotenv_counts_as_one_in_the_environment_does(monkeypatch, tmp_path):
    (tmp_path / "key").write_text("top secret\n")
    (tmp_path / ".env").write_text(f"FRESHET_QDRANT__API_KEY_FILE={tmp_path / 'key'}\n")
    key = load_settings().qdrant.api_key
    assert key is not None
    assert key.get_secret_value() == "top secret"
    row = rows()["FRESHET_QDRANT__API_KEY"]
    assert (row["value"], row["source"]) == ("********", str(tmp_path / "key"))


def test_a_misspelt_name_in_dotenv_is_a_mistake(tmp_path, capsys):
    (tmp_path / ".env").write_text("FRESHET_QDRANT__ULR=http://x\n")
    assert run(["config"]) == 2
    assert "FRESHET_QDRANT__ULR: there is no such setting" in capsys.readouterr().err


@pytest.mark.parametrize(
    "address", ["https://u:pa/ss1234@h:6333", "https://u:pa#ss1234@h:6333", "https://u:pa[ss1234@h"]
)
def test_a_password_that_breaks_its_address_is_not_told_either(monkeypatch, address):
    monkeypatch.setenv("FRESHET_QDRANT__URL", address)
    loaded = load_settings()
    with pytest.raises(SettingsError) as error:
        connect(loaded.qdrant.url)
    assert "ss1234" not in str(error.value)
    assert "ss1234" not in masked(f"cannot use {address}", loaded)


def test_mistakes_are_told_as_every_command_tells_them(monkeypatch, capsys):
    monkeypatch.setenv("FRESHET_ORDER", "random")
    monkeypatch.setenv("FRESHET_QDRANT__ULR", "http://x")
    assert run(["config"]) == 2
    captured = capsys.readouterr()
    assert [line.split()[1] for line in captured.err.splitlines()] == ["FRESHET_QDRANT__ULR:", "FRESHET_ORDER:"]
    assert captured.out == ""


@pytest.mark.parametrize(
    ("name", "told"),
    [("FRESHET_KAFKA", "FRESHET_KAFKA…"), ("FRESHET_SEARCH__ALLOWED_HOSTS", "FRESHET_SEARCH__ALLOWED_HOSTS")],
)
def test_what_should_be_json_and_is_not_is_a_mistake_as_others_are(monkeypatch, capsys, name, told):
    monkeypatch.setenv(name, "a.example")
    assert run(["config"]) == 2
    assert capsys.readouterr().err == f"freshet: {told}: is not JSON, in which lists and whole groups are given\n"
