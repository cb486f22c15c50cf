"""The fields of pydantic models as rows of a table: type, limits, default, meaning."""

from __future__ import annotations

import types
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, Final, Literal, Union, get_args, get_origin

from pydantic import AwareDatetime, BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_json

from freshet.schemas.filters import Filter
from tools.reference.markdown import said, table

REQUIRED: Final = "required"
_TYPES: Final = {
    int: "integer",
    float: "number",
    str: "text",
    bool: "`true` or `false`",
    Path: "path",
    SecretStr: "secret",
    AwareDatetime: "time with its zone, ISO 8601",
    datetime: "time with its zone, ISO 8601",
    Any: "any JSON",
    Filter: "[filter](../filters.md)",
}
_NUMBERS: Final = {"ge": "from {}", "gt": "above {}", "le": "to {}", "lt": "below {}"}
_SUPERSCRIPT: Final = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def fields_table(
    model: type[BaseModel], *, names: Mapping[str, str] | None = None, always: Collection[str] = ()
) -> str:
    """A row a field; `names` are those that a request has for fields that the model calls otherwise.

    Fields in `always` must be given, though the model has a default for them.
    """
    rows = [
        [
            f"`{(names or {}).get(name, name)}`",
            value(field),
            REQUIRED if name in always else default(field),
            meaning(model, name),
        ]
        for name, field in model.model_fields.items()
    ]
    return table(["field", "value", "default", "meaning"], rows)


def meaning(model: type[BaseModel], name: str) -> str:
    """What a field is for."""
    return said(model.model_fields[name].description, f"{model.__name__}.{name}")


def value(field: FieldInfo) -> str:
    """What a field takes: its type and its limits."""
    return " ".join([_type(field.annotation), *_limits(field)])


def default(field: FieldInfo) -> str:
    """What a field is when it is not given."""
    if field.is_required():
        return REQUIRED
    given = field.get_default(call_default_factory=True)
    if given is None or given is PydanticUndefined:
        return "–"
    if isinstance(given, Enum):
        return f"`{given.value}`"
    return f"`{given}`" if isinstance(given, str) and given else f"`{to_json(given).decode()}`"


def nested_models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """The models that stand in the fields of a model, and in theirs."""
    for field in model.model_fields.values():
        for kind in _models(field.annotation):
            yield kind
            yield from nested_models(kind)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if annotation in _TYPES:
        return
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for each in get_args(annotation):
        yield from _models(each)


def _type(annotation: Any) -> str:
    if annotation in _TYPES:
        return _TYPES[annotation]
    if inner := get_args(annotation):
        return _compound(get_origin(annotation), inner)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ", ".join(f"`{choice.value}`" for choice in annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    raise KeyError(annotation)


def _compound(origin: Any, inner: tuple[Any, ...]) -> str:
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in inner)
    if origin in (Union, types.UnionType):
        return " or ".join(_type(each) for each in inner if each is not type(None))
    if origin in (list, tuple):
        return f"JSON list of {_type(inner[0])}"
    if origin is dict:
        return "JSON object" if inner[1] is Any else f"JSON object, name to {_type(inner[1])}"
    return _type(inner[0])  # Annotated


def _limits(field: FieldInfo) -> Iterator[str]:
    is_list = get_origin(field.annotation) in (list, tuple)
    facts = field.metadata if is_list else [*field.metadata, *_inner_facts(field.annotation)]
    for name, words in _NUMBERS.items():
        yield from (words.format(_number(limit)) for limit in _given(facts, name))
    shortest, longest = (next(_given(facts, name), None) for name in ("min_length", "max_length"))
    if longest is not None:
        yield f"of {shortest or 0} to {longest:,} {'items' if is_list else 'characters'}"
    for pattern in _given(facts, "pattern"):
        yield f"like `{pattern}`"


def _given(facts: list[Any], name: str) -> Iterator[Any]:
    return (getattr(fact, name) for fact in facts if getattr(fact, name, None) is not None)


def _inner_facts(annotation: Any) -> Iterator[Any]:
    # An alias such as Port keeps its limits in the annotation where None is allowed beside it.
    for each in get_args(annotation):
        for fact in getattr(each, "__metadata__", ()):
            yield from getattr(fact, "metadata", [fact])


def _number(limit: float) -> str:
    if isinstance(limit, int) and limit > 2**53 and limit.bit_count() == 1:
        return "2" + str(limit.bit_length() - 1).translate(_SUPERSCRIPT)
    return f"{limit:,}"
