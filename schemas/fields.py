"""Declared fields: the paths in documents' metadata that can be filtered and counted, and what each holds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Any, Final, TypeAlias

from pydantic import BeforeValidator

PREFIX: Final = "metadata."
MAX_FIELDS: Final = 64
MAX_PATH_CHARACTERS: Final = 200
_NAME: Final = r"[A-Za-z0-9_-]+(\[\])?"
_PATH: Final = re.compile(rf"{_NAME}(\.{_NAME})*")
_SHOWN: Final = 20
_EXAMPLE: Final = 'must be a JSON object, such as {"price": "float"}'


class Kind(StrEnum):
    """What a field holds: one value, or an array of them. A value of another kind is overlooked."""

    KEYWORD = "keyword"
    INTEGER = "integer"
    FLOAT = "float"
    BOOL = "bool"
    DATETIME = "datetime"
    GEO = "geo"
    TEXT = "text"


COUNTED: Final = frozenset({Kind.KEYWORD, Kind.INTEGER, Kind.BOOL})
"""The kinds whose values facets count."""


def parse_fields(given: Any) -> dict[str, Kind]:
    """Paths and kinds from a JSON object, or its text. Raises ValueError that tells every mistake."""
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            raise ValueError(_EXAMPLE) from None
    if not isinstance(given, Mapping):
        raise ValueError(_EXAMPLE)  # noqa: TRY004 (as Pydantic asks)
    if len(given) > MAX_FIELDS:
        raise ValueError(f"declares {len(given)} fields, the limit is {MAX_FIELDS}")
    mistakes = [mistake for path, kind in given.items() for mistake in _mistakes(path, kind)]
    if mistakes:
        raise ValueError("; ".join(mistakes))
    return {path: Kind(kind) for path, kind in given.items()}


Fields: TypeAlias = Annotated[dict[str, Kind], BeforeValidator(parse_fields)]
"""Paths as `FRESHET_FIELDS` has them, without `metadata.` before them."""


def kind_of(key: str, fields: Mapping[str, Kind]) -> Kind | None:
    """What `metadata.<path>` holds; None where it is not declared."""
    return fields.get(key.removeprefix(PREFIX)) if key.startswith(PREFIX) else None


def undeclared(key: str, fields: Mapping[str, Kind]) -> str:
    """What to tell who asks for a field that is not declared."""
    return (
        f"{_short(key)} is not a field that the setting FRESHET_FIELDS declares; {_listed(PREFIX + p for p in fields)}"
    )


def _listed(keys: Iterable[str]) -> str:
    known = sorted(keys)
    more = ", …" if len(known) > _SHOWN else ""
    return f"there are {', '.join(known[:_SHOWN])}{more}" if known else "there are none"


def _short(text: str) -> str:
    return repr(text if len(text) <= MAX_PATH_CHARACTERS else text[:MAX_PATH_CHARACTERS] + "…")


def _mistakes(path: Any, kind: Any) -> Iterable[str]:
    if len(path) > MAX_PATH_CHARACTERS or not _PATH.fullmatch(path):
        yield f"{_short(path)} is no path of names with dots between them, such as author.name or items[].sku"
    if kind not in list(Kind):
        yield f"{_short(path)} is of the kind {_short(str(kind))}, and there are {', '.join(Kind)}"
