"""The page of settings, from freshet/settings.py."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from freshet.settings import Settings, variable
from tools.reference.fields import default, fields_table, meaning, nested_models, value
from tools.reference.markdown import doc, page, table

INTRODUCTION: Final = """\
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
fetched from the Hugging Face hub lies in the hub's own cache, which `HF_HOME` moves."""


def settings_page() -> str:
    """The whole page."""
    groups = {name: _group(field) for name, field in Settings.model_fields.items()}
    sections = [_section("General", Settings, [name for name, group in groups.items() if group is None])]
    for name, group in groups.items():
        if group is not None:
            sections.append(_section(group.__name__, group, list(group.model_fields), below=(name,)))
    shown = {Settings, *groups.values()}
    entries = [model for model in nested_models(Settings) if model not in shown]
    sections += [f"## {model.__name__}\n\n{doc(model)}\n\n{fields_table(model)}" for model in entries]
    return page("Settings", "`freshet/settings.py`", INTRODUCTION, *sections)


def _group(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _section(title: str, model: type[BaseModel], names: list[str], *, below: tuple[str, ...] = ()) -> str:
    rows = []
    for name in names:
        field = model.model_fields[name]
        rows.append([f"`{variable((*below, name))}`", value(field), default(field), meaning(model, name)])
    return f"## {title}\n\n{doc(model)}\n\n{table(['variable', 'value', 'default', 'meaning'], rows)}"
