"""Documents, newest first.

Qdrant orders by a field but promises no order among points that are equal in it, and it continues an order from a value
and not from a point. Documents of a batch become searchable at once. So those of the moment at which a page ends are
read by themselves, in the order of their ids.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from qdrant_client import AsyncQdrantClient, models

from freshet.schemas.filters import Filter
from freshet.schemas.keys import ledger_id
from freshet.search.index.qdrant.conditions import documents, searchable
from freshet.search.index.qdrant.payloads import ledger_record
from freshet.search.index.records import LedgerRecord, Place

_TRIES: Final = 4  # at a page of which no document moves on while it is read; then a shorter one is taken
NEWEST_FIRST: Final = models.OrderBy(key="searchable_at", direction=models.Direction.DESC)


async def browse(
    client: AsyncQdrantClient,
    collection: str,
    filters: Filter | None,
    tenant: str | None,
    *,
    limit: int,
    after: Place | None,
) -> list[LedgerRecord]:
    """What `IndexReader.browse` says; raises what the client raises."""
    such = partial(documents, filters, tenant)
    found: list[LedgerRecord] = []
    for _ in range(_TRIES):
        found, there = await _page(client, collection, such, limit=limit, after=after)
        if len(found) >= there:
            break
        # Always from the top: what moves up between the calls of a page that is continued would be skipped.
    return found


async def _page(
    client: AsyncQdrantClient, collection: str, such: Callable[..., models.Filter], *, limit: int, after: Place | None
) -> tuple[list[LedgerRecord], int]:
    """The documents, and how many there are; fewer are found where some moved on meanwhile."""
    of_moment = partial(_of_moment, client, collection, such)
    if after is None:
        found, older = [], such()
    else:
        found = await of_moment(after.searchable_at, limit, after=ledger_id(after.key))
        older = such(searchable(lt=after.searchable_at))
    missing = limit - len(found)
    if missing == 0:
        return found, limit
    points, _ = await client.scroll(collection, older, limit=missing, order_by=NEWEST_FIRST)
    records = sorted(map(ledger_record, points), key=_order)
    there = len(found) + len(records)
    if len(records) == missing:
        last = records[-1].searchable_at
        records = [record for record in records if record.searchable_at > last]
        records += await of_moment(last, missing - len(records))
    return found + records, there


async def _of_moment(
    client: AsyncQdrantClient,
    collection: str,
    such: Callable[..., models.Filter],
    moment: float,
    limit: int,
    *,
    after: str | None = None,
) -> list[LedgerRecord]:
    """The first documents of a moment by their ids, or the first after one, which the server counts among them."""
    condition = such(searchable(gte=moment, lte=moment))
    wanted = limit if after is None else limit + 1
    points, _ = await client.scroll(collection, condition, limit=wanted, offset=after)
    return [ledger_record(point) for point in points if point.id != after][:limit]


def _order(record: LedgerRecord) -> tuple[float, str]:
    return -record.searchable_at, ledger_id(record.key)
