"""Blocks that hold data: they parse, and are what they are shown for."""

import configparser
import contextlib
import json
import os
import re
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import yaml
from pydantic import BaseModel, TypeAdapter

from freshet import settings
from freshet.schemas import events, explain, feed, filters, http, status
from tests.e2e.docs.blocks import Block
from tests.support.certificates import Authority

# What stands in a json block is told by the comment above it: an event, or a model of schemas/.
MODELS: Final[dict[str, Any]] = {
    "event": events.Body,
    "change feed": feed.Change | feed.Watermark,
    "Filter": filters.Filter,
    **{
        name: kind
        for home in (explain, http, status)
        for name, kind in vars(home).items()
        if isinstance(kind, type(BaseModel))
    },
}
SECRET: Final = "rediss://a"  # it could be any secret of ours
FOREIGN: Final = "not ours"  # JSON of other systems: it parses, and nobody here knows more


def check_json(block: Block) -> None:
    assert block.marker in MODELS or block.marker == FOREIGN, "say what it is in a comment above: <!-- event -->"
    for value in _values(block.text):
        if block.marker != FOREIGN:
            TypeAdapter(MODELS[block.marker]).validate_json(json.dumps(value), extra="forbid")


def secrets() -> set[str]:
    """Settings whose value a file may hold."""
    return {settings.variable(path) for path, field in settings.fields() if "SecretStr" in str(field.annotation)}


def _values(text: str) -> Iterator[Any]:
    """The JSON values that stand one after the other."""
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        value, at = decoder.raw_decode(text, at)
        at = len(text) - len(text[at:].lstrip())
        yield value


def check_dotenv(block: Block) -> None:
    """Every name is a setting, and the values can be had together, where files hold what they should."""
    values = dict(line.split("=", 1) for line in block.text.splitlines() if line.strip() and not line.startswith("#"))
    known = {*settings.names(), "FRESHET_CACHE_DIR", "FRESHET_DATA_DIR"}
    by_file = {name.removesuffix("_FILE") for name in values if name not in known}
    assert by_file <= known, f"there are no such settings: {by_file - known}"
    given = {name: value.strip("'\"") for name, value in values.items() if name in known}
    given |= dict.fromkeys(by_file & secrets(), SECRET)
    with tempfile.TemporaryDirectory() as folder:
        given |= {name: file for name, file in _certificates(Path(folder)).items() if name in given}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("FRESHET_")}
        with patch.dict(os.environ, inherited | given, clear=True):
            settings.load_settings()


def _certificates(folder: Path) -> dict[str, str]:
    """Files for the settings that name some, whatever their paths on the page."""
    authority = Authority(folder)
    pair = authority.issue("worker")
    authorities = {name: str(authority.ca) for name in settings.names() if name.endswith("__CA_FILE")}
    ours = {"FRESHET_KAFKA__CERTIFICATE_FILE": str(pair.certificate), "FRESHET_KAFKA__KEY_FILE": str(pair.key)}
    return authorities | ours


def check_ini(block: Block) -> None:
    parser = configparser.ConfigParser(strict=False, interpolation=None, allow_no_value=True)  # systemd repeats keys
    parser.read_string(block.text)
    assert parser.sections()


def check_yaml(block: Block) -> None:
    assert yaml.safe_load(block.text)


def check_nginx(block: Block) -> None:
    """nginx takes it, beside certificates of the test's."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pair = [f"-{option}={folder / file}" for option, file in (("keyout", "key"), ("out", "pem"))]
        new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=a"]
        subprocess.run([*new, *(part for each in pair for part in each.split("="))], check=True, capture_output=True)
        text = re.sub(r"/etc/nginx/[\w.]+\.(pem|key)", lambda found: str(folder / found[1]), block.text)
        (folder / "nginx.conf").write_text(f"pid {folder}/pid;\nevents {{}}\nhttp {{\n{text}\n}}\n")
        test = ["nginx", "-t", "-q", "-p", name, "-e", f"{name}/log", "-c", f"{name}/nginx.conf"]
        tested = subprocess.run(test, check=False, capture_output=True, text=True)
        assert tested.returncode == 0, tested.stderr


def check_mermaid(block: Block) -> None:
    """Every arrow begins at a thing that was named: as far as one comes without a renderer."""
    first, *lines = block.text.splitlines()
    assert re.fullmatch(r"flowchart (LR|TD)", first)
    for line in lines:
        assert re.match(r"\s+\w+.*(-->|-\.->)", line), f"{line!r} is no arrow"
        assert line.count('"') % 2 == 0


def check_sh(block: Block) -> None:
    """Commands of others' programs: bash can read them."""
    read = subprocess.run(["bash", "-n", "-c", block.text], check=False, capture_output=True, text=True)
    assert read.returncode == 0, read.stderr


def check_sql(block: Block) -> None:
    """What the pages use of SQL means the same in SQLite."""
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        database.executescript(block.text)


CHECKS: Final[Mapping[str, Callable[[Block], None]]] = {
    "json": check_json,
    "dotenv": check_dotenv,
    "ini": check_ini,
    "yaml": check_yaml,
    "mermaid": check_mermaid,
    "nginx": check_nginx,
    "sh": check_sh,
    "sql": check_sql,
}
