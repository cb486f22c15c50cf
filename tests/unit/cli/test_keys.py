"""`freshet keys new`, and what settings take of it."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from freshet.cli.app import run
from freshet.schemas.access import Key, key_hash
from freshet.schemas.errors import SettingsError
from freshet.settings import load_settings
from freshet.wiring.access import check_exposure

HASH = key_hash("fk_x")
ENTRY = {"name": "a", "hash": HASH, "scopes": ["search"]}


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch, tmp_path):
    for name in os.environ:
        if name.startswith("FRESHET_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def new(capsys, *arguments: str) -> dict[str, Any]:
    assert run(["keys", "new", "--json", *arguments]) == 0
    made: dict[str, Any] = json.loads(capsys.readouterr().out)
    return made


def mistakes(**entry: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(search={"keys": [{**ENTRY, **entry}]})
    return str(caught.value)


def test_a_key_is_new_each_time_and_its_entry_is_what_settings_take(capsys, monkeypatch):
    first, second = new(capsys), new(capsys, "--name", "shop", "--scopes", "search,publish", "--tenant", "acme")
    assert first["key"] != second["key"]
    for made in (first, second):
        assert made["key"].startswith("fk_")
        assert len(made["key"]) >= 3 + 192 / 6  # six bits a character
        assert made["entry"]["hash"] == key_hash(made["key"])
        assert made["key"] not in json.dumps(made["entry"])
    monkeypatch.setenv("FRESHET_TENANTS", "true")
    monkeypatch.setenv("FRESHET_SEARCH__KEYS", json.dumps([first["entry"], second["entry"]]))
    default, shop = load_settings().search.keys
    assert (default.name, default.scopes, default.tenant) == ("default", ("search",), None)
    assert (shop.name, shop.scopes, shop.tenant) == ("shop", ("search", "publish"), "acme")


def test_people_are_told_which_line_is_the_secret(capsys):
    assert run(["keys", "new"]) == 0
    key, about, entry = capsys.readouterr().out.splitlines()
    assert key_hash(key.rpartition(" ")[2]) == json.loads(entry)["hash"]
    assert "shown this once" in key
    assert "FRESHET_SEARCH__KEYS" in about


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["--scopes", "serach"], "--scopes"),
        (["--scopes", ""], "--scopes"),
        (["--tenant", "ACME"], "--tenant"),
        (["--tenant", ""], "--tenant"),
        (["--name", "a b"], "--name"),
    ],
)
def test_a_wrong_option_is_a_usage_error_of_one_line_that_names_it(capsys, arguments, option):
    assert run(["keys", "new", *arguments]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert option in output.err
    assert output.err.count("\n") == 1


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"hash": "fk_secret"}, "entry 1, hash, this is a key itself"),
        ({"hash": HASH[:-1]}, "entry 1, hash, is not"),
        ({"hash": HASH.upper()}, "entry 1, hash, is not"),
        ({"scopes": []}, "entry 1, scopes, "),
        ({"scopes": ["serach"]}, "entry 1, scopes, entry 1, "),
        ({"scope": ["search"]}, "entry 1, scope, "),
        ({"name": ""}, "entry 1, name, "),
        ({"tenant": "ACME"}, "entry 1, tenant, "),
        ({"tenant": "acme"}, "a: a key has a tenant, and FRESHET_TENANTS is off"),
        ({"rate": -1}, "entry 1, rate, "),
        ({"rate": 1e-9}, "entry 1, rate, is below 0.001"),
        ({"burst": 0}, "entry 1, burst, "),
    ],
)
def test_a_wrong_entry_is_named_with_its_variable_its_place_and_its_field_and_without_its_value(entry, told):
    text = mistakes(**entry)
    assert text.startswith(f"FRESHET_SEARCH__KEYS: {told}")
    assert "secret" not in text


def test_two_keys_of_one_name_or_one_hash_are_a_mistake():
    other = {**ENTRY, "hash": key_hash("fk_y")}
    for keys, what in (([ENTRY, other], "name"), ([ENTRY, {**ENTRY, "name": "b"}], "hash")):
        with pytest.raises(SettingsError, match=f"FRESHET_SEARCH__KEYS: two keys have the same {what}"):
            load_settings(search={"keys": keys})


def test_keys_come_from_a_file_too_and_one_that_is_no_json_is_named(monkeypatch, tmp_path):
    file = tmp_path / "keys.json"
    monkeypatch.setenv("FRESHET_SEARCH__KEYS_FILE", str(file))
    file.write_text(json.dumps([ENTRY]))
    assert load_settings().search.keys == (Key.model_validate(ENTRY),)
    for broken in (b"[", b"\xff", b""):
        file.write_bytes(broken)
        with pytest.raises(SettingsError, match=r"FRESHET_SEARCH__KEYS_FILE: .* is not JSON"):
            load_settings()
    file.write_text('"fk_secret"')
    with pytest.raises(SettingsError, match="FRESHET_SEARCH__KEYS: ") as caught:
        load_settings()
    assert "secret" not in str(caught.value)


def test_settings_are_shown_with_their_keys(monkeypatch, capsys):
    monkeypatch.setenv("FRESHET_SEARCH__KEYS", json.dumps([ENTRY]))
    assert run(["config", "--json"]) == 0
    rows = {row["variable"]: row["value"] for row in json.loads(capsys.readouterr().out)}
    assert rows["FRESHET_SEARCH__KEYS"] == [{**ENTRY, "tenant": None, "rate": None, "burst": None}]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "10.0.0.5", "search.internal", "localhost.evil.example"])
def test_a_service_that_others_reach_does_not_start_without_keys_unless_it_is_told_to(host):
    with pytest.raises(SettingsError, match=r"^FRESHET_SEARCH__KEYS: .*FRESHET_SEARCH__OPEN=true") as caught:
        check_exposure(load_settings(search={"host": host}))
    assert "\n" not in str(caught.value)
    check_exposure(load_settings(search={"host": host, "open": True}))
    check_exposure(load_settings(search={"host": host, "keys": [ENTRY]}))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_on_loopback_it_starts_without(host):
    check_exposure(load_settings(search={"host": host}))


def test_the_search_process_refuses_before_it_loads_anything(monkeypatch, capsys):
    monkeypatch.setenv("FRESHET_SEARCH__HOST", "0.0.0.0")
    monkeypatch.setattr("freshet.wiring.parts.fetch_model", lambda _: None)
    monkeypatch.setattr("freshet.wiring.search.open_models", lambda *_, **__: pytest.fail("it loads its model"))
    assert run(["search"]) == 2
    assert "FRESHET_SEARCH__KEYS" in capsys.readouterr().err


@pytest.mark.parametrize(
    "origin",
    ["*", "null", "app.example", "https://app.example/", "https://App.example", "https://a b", "https://*.example"],
)
def test_an_origin_that_no_browser_sends_is_a_mistake(origin):
    with pytest.raises(SettingsError, match="FRESHET_SEARCH__CORS_ORIGINS: entry 1"):
        load_settings(search={"cors_origins": [origin]})


@pytest.mark.parametrize("origin", ["https://app.example", "http://localhost:3000", "http://[::1]:5173"])
def test_origins_as_browsers_send_them_are_taken(origin):
    assert load_settings(search={"cors_origins": [origin]}).search.cors_origins == (origin,)
