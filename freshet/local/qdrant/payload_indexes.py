"""Payload indexes: the client's schemas as the engine's."""

from __future__ import annotations

from typing import Any

import qdrant_edge as edge
from qdrant_client.http import models as rest

from freshet.local.qdrant import errors

_TYPES: dict[rest.PayloadSchemaType, Any] = {
    rest.PayloadSchemaType.KEYWORD: edge.PayloadSchemaType.Keyword,
    rest.PayloadSchemaType.INTEGER: edge.PayloadSchemaType.Integer,
    rest.PayloadSchemaType.FLOAT: edge.PayloadSchemaType.Float,
    rest.PayloadSchemaType.GEO: edge.PayloadSchemaType.Geo,
    rest.PayloadSchemaType.TEXT: edge.PayloadSchemaType.Text,
    rest.PayloadSchemaType.BOOL: edge.PayloadSchemaType.Bool,
    rest.PayloadSchemaType.DATETIME: edge.PayloadSchemaType.Datetime,
    rest.PayloadSchemaType.UUID: edge.PayloadSchemaType.Uuid,
}

_PARAMS: dict[type, Any] = {
    rest.KeywordIndexParams: edge.KeywordIndexParams,
    rest.IntegerIndexParams: edge.IntegerIndexParams,
    rest.FloatIndexParams: edge.FloatIndexParams,
    rest.GeoIndexParams: edge.GeoIndexParams,
    rest.TextIndexParams: edge.TextIndexParams,
    rest.BoolIndexParams: edge.BoolIndexParams,
    rest.DatetimeIndexParams: edge.DatetimeIndexParams,
    rest.UuidIndexParams: edge.UuidIndexParams,
}


def to_schema(body: rest.PayloadFieldSchema) -> Any:
    if isinstance(body, rest.PayloadSchemaType):
        return _TYPES[body]
    given = {name: getattr(body, name) for name in body.model_fields_set - {"type"}}
    with errors.engine_input():
        return _PARAMS[type(body)](**{name: _value(name, v) for name, v in given.items() if v is not None})


def described(body: rest.PayloadFieldSchema, points: int) -> dict[str, Any]:
    """An entry of `payload_schema` in a collection's description."""
    if isinstance(body, rest.PayloadSchemaType):
        return {"data_type": body.value, "points": points}
    params = body.model_dump(mode="json", exclude_none=True)
    return {"data_type": params["type"], "params": params, "points": points}


def _value(name: str, value: Any) -> Any:
    """Enumerations have the same names on both sides, capitalised in the engine's."""
    if name == "memory":
        return getattr(edge.Memory, value.value.capitalize())
    if name == "tokenizer":
        return getattr(edge.TokenizerType, value.value.capitalize())
    if name == "stopwords":
        return _stopwords(value)
    if name == "stemmer":
        return _stemmer(value)
    if name == "scoring" and not isinstance(value, bool):
        return edge.TextScoringParams()
    return value


def _stopwords(value: rest.Language | rest.StopwordsSet) -> Any:
    if isinstance(value, rest.StopwordsSet):
        return edge.StopwordsSet({_language(one) for one in value.languages or []}, set(value.custom or []))
    return _language(value)


def _language(value: rest.Language) -> Any:
    return getattr(edge.Language, value.value.capitalize())


def _stemmer(value: rest.SnowballParams | rest.DisabledStemmerParams) -> Any:
    if isinstance(value, rest.SnowballParams):
        return edge.SnowballParams(getattr(edge.SnowballLanguage, value.language.value.capitalize()))
    return edge.DisabledStemmer()
