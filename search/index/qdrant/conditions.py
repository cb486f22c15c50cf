"""The conditions under which points are read, overwritten and removed.

A range matches no point that lacks the field, and a filter over such a point drops the write without a word: all
points that these conditions meet carry every field that they name.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from qdrant_client import models

from freshet.schemas.filters import Filter
from freshet.schemas.keys import ledger_id
from freshet.schemas.positions import Rank
from freshet.search.index.qdrant.filters import to_qdrant
from freshet.search.index.qdrant.payloads import (
    FLOOR,
    LEDGER,
    PASSAGE,
    STATISTICS,
    STATISTICS_PART,
    microseconds,
    rank_payload,
)
from freshet.search.index.records import Displaced, LedgerRecord

# Payload indexes, so that conditions stay cheap, and are allowed where an operator has turned strict mode on.
INDEXES: Final[dict[str, models.PayloadFieldSchema]] = {
    "kind": models.PayloadSchemaType.KEYWORD,
    "tenant": models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True),
    "partition": models.PayloadSchemaType.INTEGER,
    "offset": models.PayloadSchemaType.INTEGER,
    "rank_high": models.PayloadSchemaType.INTEGER,
    "rank_low": models.PayloadSchemaType.INTEGER,
    "searchable_at": models.PayloadSchemaType.INTEGER,
    "deleted": models.PayloadSchemaType.BOOL,
    "number": models.PayloadSchemaType.INTEGER,
}
_NO_OFFSET: Final = -1


def point_ids(ids: Collection[str]) -> list[models.ExtendedPointId]:
    """As Qdrant wants them: what somebody puts there by hand may have a number."""
    return [int(each) if each.isdigit() else each for each in ids]


def passages_of(filters: Filter | None, tenant: str | None) -> models.Filter | None:
    """The passages of a tenant's documents, or of all, that pass the filter; for queries by vector."""
    return models.Filter(must=[*conditions]) if (conditions := _asked(filters, tenant)) else None


def ledger(tenant: str | None = None) -> models.Filter:
    """Ledger records, tombstones too, of one tenant or of all."""
    return models.Filter(must=[_equals("kind", LEDGER), *_asked(None, tenant)])


def passages() -> models.Filter:
    """Passages, listed or not."""
    return models.Filter(must=[_equals("kind", PASSAGE)])


def passages_of_document(key: str) -> models.Filter:
    """The passages of a document, listed or not."""
    return models.Filter(must=[_equals("kind", PASSAGE), _equals("key", key)])


def follows(number: int) -> models.Filter:
    """The head of the snapshots, where the newest is the one before this number."""
    return models.Filter(must=[_equals("kind", STATISTICS), _equals("number", number - 1)])


def parts_before(number: int) -> models.Filter:
    """Parts of snapshots before this one."""
    before = models.FieldCondition(key="number", range=models.Range(lt=number))
    return models.Filter(must=[_equals("kind", STATISTICS_PART), before])


def documents(filters: Filter | None, tenant: str | None, *conditions: models.Condition) -> models.Filter:
    """Ledger records of a tenant's documents, or of all, that have not ended and pass the filter."""
    alive = [_equals("kind", LEDGER), _equals("deleted", value=False)]
    return models.Filter(must=[*alive, *_asked(filters, tenant), *conditions])


def searchable(**bounds: float) -> models.FieldCondition:
    """What became searchable within these bounds, moments in seconds since the epoch."""
    exact = {name: microseconds(moment) for name, moment in bounds.items()}
    return models.FieldCondition(key="searchable_at", range=models.Range(**exact))


def stored_below(partition: int, below: int) -> models.Filter:
    """The passages of a partition at offsets below `below`."""
    offset = models.FieldCondition(key="offset", range=models.Range(lt=below))
    return models.Filter(must=[_equals("kind", PASSAGE), _equals("partition", partition), offset])


def read_at(partition: int, offsets: Collection[int]) -> models.Filter:
    """What stands at one of the offsets that a plan read; of an empty plan, nothing."""
    read = models.MatchAny(any=sorted(offsets) or [_NO_OFFSET])
    return models.Filter(must=[_equals("partition", partition), models.FieldCondition(key="offset", match=read)])


def record_at(record: LedgerRecord) -> models.Filter:
    """The record of a document, where it has this position still."""
    place = [_equals(name, value) for name, value in rank_payload(record.rank).items()]
    one = models.HasIdCondition(has_id=[ledger_id(record.key)])
    return models.Filter(must=[one, _equals("partition", record.partition), *place])


def not_above(partition: int, rank: Rank) -> models.Filter:
    """What stands in the partition at `rank` or below it."""
    return models.Filter(must=[_equals("partition", partition), *_at_most(rank)])


def displaced(items: Sequence[Displaced]) -> models.Filter:
    """All of these passages, each within its own fence."""
    return models.Filter(
        should=[
            models.Filter(
                must=[
                    models.HasIdCondition(has_id=point_ids(item.ids)),
                    _equals("partition", item.partition),
                    *_at_most(item.at_most),
                ]
            )
            for item in items
        ]
    )


def tombstones(partition: int, before: float) -> models.Filter:
    """The tombstones of a partition that were written before a moment, in seconds since the epoch."""
    ended = [_equals("kind", LEDGER), _equals("deleted", value=True), _equals("partition", partition)]
    return models.Filter(must=[*ended, searchable(lt=before)])


def still_ended(records: Sequence[LedgerRecord]) -> models.Filter:
    """Each of these tombstones where it still stands as it was read."""
    return models.Filter(should=[_as_read(record) for record in records])


def _as_read(record: LedgerRecord) -> models.Filter:
    seen = {"partition": record.partition, **rank_payload(record.rank)}
    seen["searchable_at"] = microseconds(record.searchable_at)
    here = models.HasIdCondition(has_id=[ledger_id(record.key)])
    ended = _equals("deleted", value=True)
    return models.Filter(must=[here, ended, *(_equals(field, value) for field, value in seen.items())])


def floor_below(partition: int, offset: int) -> models.Filter:
    """The floor of a partition's tombstones, where it is lower."""
    lower = models.FieldCondition(key="offset", range=models.Range(lt=offset))
    return models.Filter(must=[_equals("kind", FLOOR), _equals("partition", partition), lower])


def _asked(filters: Filter | None, tenant: str | None) -> list[models.Condition]:
    conditions: list[models.Condition] = [] if tenant is None else [_equals("tenant", tenant)]
    if filters is not None and not filters.is_nothing:
        conditions.append(to_qdrant(filters))
    return conditions


def _at_most(rank: Rank) -> list[models.Condition]:
    """Ranks compare as tuples: the first word that differs decides."""
    fields = list(rank_payload(rank).items())
    last, offset = fields.pop()
    conditions: list[models.Condition] = [models.FieldCondition(key=last, range=models.Range(lte=offset))]
    for field, value in reversed(fields):
        conditions.insert(0, _equals(field, value))
        if value > 0:  # nothing is below 0, which all versions are in `log` order
            below = models.FieldCondition(key=field, range=models.Range(lt=value))
            conditions = [models.Filter(should=[below, models.Filter(must=conditions)])]
    return conditions


def _equals(field: str, value: str | int | bool) -> models.FieldCondition:
    return models.FieldCondition(key=field, match=models.MatchValue(value=value))
