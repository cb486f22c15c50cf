#!/usr/bin/env python3
"""Writes docs/settings.md from the settings themselves: `.venv/bin/python tools/make_reference.py`."""

from __future__ import annotations

import types
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import to_json

from freshet.settings import Settings, variable

PAGE: Final = Path(__file__).parents[1] / "docs" / "settings.md"
INTRODUCTION: Final = """\
# Settings

*Made by `tools/make_reference.py` from `freshet/settings.py`; a test tells when it is out of date.*

Settings are environment variables, read once when a process starts. In development they may also stand in a file
`.env` in the working directory; the environment wins over the file.

- `__` stands between a group and its setting: `FRESHET_QDRANT__URL`.
- `FRESHET_…_FILE` names a file that holds the value, for secrets: `FRESHET_QDRANT__API_KEY_FILE=/run/secrets/qdrant`.
  The file wins over the variable. White space around the value is removed.
- A misspelt name with `__` in it, and a value that cannot be, ends the start with exit code 2 and a line for each
  mistake.
- The worker and the search service must agree on the index, its order, tenants, and the embedding model. The model is
  checked: a service whose model is not the one that the index was built with is not ready, and `/readyz` says why.

Two more variables say where files are kept, and hold for commands too: `FRESHET_CACHE_DIR` for downloads (else the
user's cache folder) and `FRESHET_DATA_DIR` for the data of local parts (else the user's data folder). A model that is
fetched from the Hugging Face hub lies in the hub's own cache, which `HF_HOME` moves.
"""
_TYPES: Final = {
    int: "integer",
    float: "number",
    str: "text",
    bool: "`true` or `false`",
    Path: "path",
    SecretStr: "secret",
}
_LIMITS: Final = {"ge": "from {}", "gt": "above {}", "le": "to {}", "lt": "below {}"}


def settings_page() -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    own = [item for item in Settings.model_fields.items() if _group(item[1]) is None]
    parts.append(_section("General", Settings.__doc__ or "", [((name,), field) for name, field in own]))
    for name, field in Settings.model_fields.items():
        if (group := _group(field)) is not None:
            items = [((name, inner), each) for inner, each in group.model_fields.items()]
            parts.append(_section(group.__name__, group.__doc__ or "", items))
    return "\n".join(parts)


def _group(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _section(title: str, about: str, fields: list[tuple[tuple[str, ...], FieldInfo]]) -> str:
    rows = [
        f"| `{variable(path)}` | {_value(field)} | {_default(field)} | {field.description} |" for path, field in fields
    ]
    table = ["| variable | value | default | meaning |", "|---|---|---|---|", *rows]
    return "\n".join([f"## {title}", "", about, "", *table, ""])


def _value(field: FieldInfo) -> str:
    limits = " ".join(_limits(field))
    return f"{_type(field.annotation)} {limits}".strip()


def _type(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(annotation))
    if get_origin(annotation) in (Union, types.UnionType):
        return _type(next(each for each in get_args(annotation) if each is not type(None)))
    if get_origin(annotation) is tuple:
        return "JSON list"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ", ".join(f"`{choice.value}`" for choice in annotation)
    # An alias such as Port keeps its limits in the annotation where None is allowed beside it.
    return _TYPES[getattr(annotation, "__origin__", annotation)]


def _limits(field: FieldInfo) -> Iterator[str]:
    facts = [*field.metadata, *_inner_facts(field.annotation)]
    for fact in facts:
        for name, words in _LIMITS.items():
            if (limit := getattr(fact, name, None)) is not None:
                yield words.format(f"{limit:,}")


def _inner_facts(annotation: Any) -> Iterator[Any]:
    for each in get_args(annotation):
        for fact in getattr(each, "__metadata__", ()):
            yield from getattr(fact, "metadata", [fact])


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is None:
        return "–"
    if isinstance(value, Enum):
        return f"`{value.value}`"
    return f"`{value}`" if isinstance(value, str) else f"`{to_json(value).decode()}`"


if __name__ == "__main__":
    PAGE.write_text(settings_page(), encoding="utf-8")
