"""What a JSON Schema lets through, in words, as HTML; models are links to where they are described."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any, Final

Json = dict[str, Any]

_TYPES: Final = {"integer": "integer", "number": "number", "string": "text", "boolean": "true or false", "null": "null"}
_LIMITS: Final = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}
_FORMATS: Final = {"date-time": "time with its zone, ISO 8601"}


def words(schema: Json) -> str:
    """Such as `integer from 1 to 100`."""
    return " ".join(_parts(schema)) or "any JSON"


def name_of(model: str) -> str:
    """The anchor of a model."""
    return f"body-{model}"


def _parts(schema: Json) -> Iterator[str]:
    if "$ref" in schema:
        model = schema["$ref"].rpartition("/")[2]
        yield f'<a href="#{escape(name_of(model))}">{escape(model)}</a>'
        return
    for among in ("anyOf", "oneOf"):
        if among in schema:
            yield " or ".join(words(each) for each in schema[among])
    if "const" in schema or "enum" in schema:
        yield ", ".join(
            f"<code>{escape(json.dumps(each))}</code>" for each in schema.get("enum", [schema.get("const")])
        )
        return
    match schema.get("type"):
        case "array":
            yield _list(schema)
        case "object":
            inner = schema.get("additionalProperties")
            yield f"object, name to {words(inner)}" if isinstance(inner, dict) else "object"
        case str(kind):
            yield _FORMATS.get(schema.get("format", ""), _TYPES[kind])
            yield from _limits(schema)


def _list(schema: Json) -> str:
    inner = schema.get("items") or {"anyOf": schema.get("prefixItems", [{}])[:1]}
    return f"list of {words(inner)}"


def _limits(schema: Json) -> Iterator[str]:
    yield from (f"{word} {schema[name]:,}" for name, word in _LIMITS.items() if name in schema)
    if "maxLength" in schema:
        yield f"of {schema.get('minLength', 0)} to {schema['maxLength']:,} characters"
    if "pattern" in schema:
        yield f"like <code>{escape(schema['pattern'])}</code>"
