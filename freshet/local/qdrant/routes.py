"""The routes: one short function each, from the store, the path's names and the body to the `result` of the answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import qdrant_edge as edge
from qdrant_client.http import models as rest

from freshet.local.qdrant import updates
from freshet.local.qdrant.bodies import M, at_least_one, parse, parse_points, parse_selector
from freshet.local.qdrant.collection import Collection
from freshet.local.qdrant.errors import ApiError, engine_input
from freshet.local.qdrant.filters import to_filter
from freshet.local.qdrant.groups import search_groups
from freshet.local.qdrant.queries import LIMIT, to_order, to_query
from freshet.local.qdrant.records import hit, payload_selector, record, vector_selector
from freshet.local.qdrant.store import Store


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `names` holds the names in its path, `wait` whether the client waits for a write to be applied."""

    store: Store
    names: dict[str, str]
    body: bytes
    wait: bool

    @property
    def collection(self) -> Collection:
        return self.store.collection(self.names["collection"])

    def read(self, model: type[M]) -> M:
        return parse(model, self.body)


Route = Callable[[Call], Any]


def list_collections(call: Call) -> Any:
    return {"collections": [{"name": name} for name in call.store.names()]}


def telemetry(call: Call) -> Any:
    """Of all that a server tells here, how much disk its collections take."""
    sizes = call.store.sizes()
    told = [
        {"id": name, "shards": [{"id": 0, "local": {"segments": [{"info": {"disk_usage_bytes": size}}]}}]}
        for name, size in sizes.items()
    ]
    return {"collections": {"number_of_collections": len(told), "collections": told}}


def get_collection(call: Call) -> Any:
    return call.collection.describe()


def collection_exists(call: Call) -> Any:
    return {"exists": call.store.exists(call.names["collection"])}


def create_collection(call: Call) -> Any:
    call.store.create(call.names["collection"], call.read(rest.CreateCollection))
    return True


def update_collection(call: Call) -> Any:
    """Metadata is merged; tuning has no effect here."""
    collection, body = call.collection, call.read(rest.UpdateCollection)
    if body.metadata is not None:
        collection.merge_metadata(body.metadata)
    return True


def delete_collection(call: Call) -> Any:
    return call.store.delete(call.names["collection"])


def list_aliases(call: Call) -> Any:
    found = call.store.aliases(call.names.get("collection"))
    return {"aliases": [{"alias_name": alias, "collection_name": target} for alias, target in found.items()]}


def change_aliases(call: Call) -> Any:
    """One action after the other, each kept before the next: an error leaves the earlier ones done."""
    for action in call.read(rest.ChangeAliasesOperation).actions:
        if isinstance(action, rest.CreateAliasOperation):
            call.store.create_alias(action.create_alias.alias_name, action.create_alias.collection_name)
        elif isinstance(action, rest.DeleteAliasOperation):
            call.store.delete_alias(action.delete_alias.alias_name)
        else:
            call.store.rename_alias(action.rename_alias.old_alias_name, action.rename_alias.new_alias_name)
    return True


def create_index(call: Call) -> Any:
    collection, body = call.collection, call.read(rest.CreateFieldIndex)
    if body.field_schema is None:
        raise ApiError(400, "Bad request: cannot infer the type of the field, name field_schema")
    collection.create_index(body.field_name, body.field_schema)
    return _updated(call, collection)


def delete_index(call: Call) -> Any:
    collection = call.collection
    collection.delete_index(call.names["field"])
    return _updated(call, collection)


def _writing(run: Callable[[Collection, Any], None], read: Callable[[Call], Any]) -> Route:
    def route(call: Call) -> Any:
        collection = call.collection
        run(collection, read(call))
        return _updated(call, collection)

    return route


def _updated(call: Call, collection: Collection) -> dict[str, Any]:
    return {"operation_id": collection.operation_id, "status": "completed" if call.wait else "acknowledged"}


def batch(call: Call) -> Any:
    collection = call.collection
    done = updates.batch(collection, call.read(rest.UpdateOperations))
    return [_updated(call, collection)] * done


def retrieve(call: Call) -> Any:
    collection, body = call.collection, call.read(rest.PointRequest)
    payload = payload_selector(body.with_payload, default=True)
    return [record(point) for point in collection.retrieve(body.ids, payload, vector_selector(body.with_vector))]


def scroll(call: Call) -> Any:
    collection, body = call.collection, call.read(rest.ScrollRequest)
    at_least_one("limit", body.limit)
    with engine_input():
        request = edge.ScrollRequest(
            offset=body.offset,
            limit=body.limit or LIMIT,
            filter=to_filter(body.filter),
            with_payload=payload_selector(body.with_payload, default=True),
            with_vector=vector_selector(body.with_vector),
            order_by=to_order(body.order_by) if body.order_by is not None else None,
        )
    points, following = collection.scroll(request)
    return {"points": [record(point) for point in points], "next_page_offset": following}


def count(call: Call) -> Any:
    collection, body = call.collection, call.read(rest.CountRequest)
    return {"count": collection.count(edge.CountRequest(exact=body.exact is not False, filter=to_filter(body.filter)))}


def facet(call: Call) -> Any:
    collection, body = call.collection, call.read(rest.FacetRequest)
    at_least_one("limit", body.limit)
    with engine_input():
        request = edge.FacetRequest(body.key, body.limit or LIMIT, bool(body.exact), to_filter(body.filter))
    return {"hits": [{"value": found.value, "count": found.count} for found in collection.facet(request).hits]}


def query(call: Call) -> Any:
    collection, body = call.collection, call.read(rest.QueryRequest)
    return {"points": [hit(point) for point in collection.query(to_query(collection.space, body))]}


def query_batch(call: Call) -> Any:
    collection, body = call.collection, call.read(rest.QueryRequestBatch)
    requests = [to_query(collection.space, one) for one in body.searches]
    return [{"points": [hit(point) for point in points]} for points in collection.query_batch(requests)]


def query_groups(call: Call) -> Any:
    collection, body = call.collection, call.read(rest.QueryGroupsRequest)
    return {"groups": search_groups(collection, body)}


_C = "/collections/{collection}"

ROUTES: list[tuple[str, str, Route]] = [
    ("GET", "/telemetry", telemetry),
    ("GET", "/collections", list_collections),
    ("GET", _C, get_collection),
    ("PUT", _C, create_collection),
    ("PATCH", _C, update_collection),
    ("DELETE", _C, delete_collection),
    ("GET", f"{_C}/exists", collection_exists),
    ("GET", "/aliases", list_aliases),
    ("GET", f"{_C}/aliases", list_aliases),
    ("POST", "/collections/aliases", change_aliases),
    ("PUT", f"{_C}/index", create_index),
    ("DELETE", f"{_C}/index/{{field}}", delete_index),
    ("PUT", f"{_C}/points", _writing(updates.upsert, lambda call: parse_points(call.body))),
    ("POST", f"{_C}/points/delete", _writing(updates.delete, lambda call: parse_selector(call.body))),
    ("POST", f"{_C}/points/payload", _writing(updates.set_payload, lambda call: call.read(rest.SetPayload))),
    ("PUT", f"{_C}/points/payload", _writing(updates.overwrite_payload, lambda call: call.read(rest.SetPayload))),
    ("POST", f"{_C}/points/payload/delete", _writing(updates.delete_payload, lambda c: c.read(rest.DeletePayload))),
    ("POST", f"{_C}/points/payload/clear", _writing(updates.clear_payload, lambda c: parse_selector(c.body))),
    ("PUT", f"{_C}/points/vectors", _writing(updates.update_vectors, lambda call: call.read(rest.UpdateVectors))),
    ("POST", f"{_C}/points/vectors/delete", _writing(updates.delete_vectors, lambda c: c.read(rest.DeleteVectors))),
    ("POST", f"{_C}/points/batch", batch),
    ("POST", f"{_C}/points", retrieve),
    ("POST", f"{_C}/points/scroll", scroll),
    ("POST", f"{_C}/points/count", count),
    ("POST", f"{_C}/facet", facet),
    ("POST", f"{_C}/points/query", query),
    ("POST", f"{_C}/points/query/batch", query_batch),
    ("POST", f"{_C}/points/query/groups", query_groups),
]
