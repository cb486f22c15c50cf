"""Points and conditions that the behaviour tests share."""

from typing import Any

from qdrant_client import AsyncQdrantClient, models


def record(number: int, **payload: Any) -> models.PointStruct:
    """A point without vectors, as ledger records are."""
    return models.PointStruct(id=number, vector={}, payload=payload)


def passage(number: int, vector: list[float] | None = None, **payload: Any) -> models.PointStruct:
    return models.PointStruct(id=number, vector={"dense": vector or [1.0, 0.0, 0.0, 0.0]}, payload=payload)


def is_any(key: str, values: list[int]) -> models.FieldCondition:
    return models.FieldCondition(key=key, match=models.MatchAny(any=values))


def equals(key: str, value: Any) -> models.FieldCondition:
    return models.FieldCondition(key=key, match=models.MatchValue(value=value))


def up_to(key: str, value: int) -> models.FieldCondition:
    return models.FieldCondition(key=key, range=models.Range(lte=value))


def below(key: str, value: int) -> models.FieldCondition:
    return models.FieldCondition(key=key, range=models.Range(lt=value))


def is_empty(key: str) -> models.IsEmptyCondition:
    return models.IsEmptyCondition(is_empty=models.PayloadField(key=key))


def has_id(*ids: int) -> models.HasIdCondition:
    return models.HasIdCondition(has_id=list(ids))


async def payloads(client: AsyncQdrantClient, collection: str, ids: list[int]) -> dict[Any, Any]:
    return {point.id: point.payload for point in await client.retrieve(collection, ids)}


async def ids(client: AsyncQdrantClient, collection: str) -> set[Any]:
    points, following = await client.scroll(collection, limit=1000, with_payload=False)
    assert following is None
    return {point.id for point in points}
