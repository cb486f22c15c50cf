"""`freshet config`"""

from __future__ import annotations

import json as json_
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from freshet.cli.output import print_json, print_line, print_table
from freshet.cli.running import settings

if TYPE_CHECKING:
    from freshet.settings import Settings

COLUMNS: Final = ("variable", "value", "from", "meaning")


@dataclass(frozen=True)
class Row:
    """One setting as people see it; `value` is in JSON's types, secrets masked."""

    variable: str
    value: Any
    source: str
    meaning: str
    group: str


def config(*, json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Every setting: its variable, its value with secrets masked, where that comes from, and what it means."""
    rows = _rows(settings())
    if json:
        print_json([asdict(row) for row in rows])
        return
    for title in dict.fromkeys(row.group for row in rows):
        print_line(title)
        print_table(
            COLUMNS, [(row.variable, _text(row.value), row.source, row.meaning) for row in rows if row.group == title]
        )


def _rows(found: Settings) -> list[Row]:
    from freshet.masking import shown
    from freshet.settings import fields, sources, variable, variables

    given = sources()
    rows = []
    for path, field in fields():
        value: Any = found
        for name in path:
            value = getattr(value, name)
        source = next((name for name, values in given.items() if _holds(values, path)), "default")
        if source == "file":
            source = variables()[f"{variable(path)}_FILE"]
        rows.append(Row(variable(path), shown(value), source, field.description or "", _title(path)))
    return rows


def _holds(values: dict[str, Any], path: tuple[str, ...]) -> bool:
    inner: Any = values
    for name in path:
        if not isinstance(inner, dict) or name not in inner:
            return False
        inner = inner[name]
    return True


def _title(path: tuple[str, ...]) -> str:
    """What a group's docstring says of it."""
    from freshet.settings import Settings

    if len(path) == 1:
        return "General."
    return (Settings.model_fields[path[0]].annotation.__doc__ or "").strip()


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else json_.dumps(value)
