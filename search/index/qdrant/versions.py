"""Making collections and switching between them."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from qdrant_client import AsyncQdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse

from freshet.schemas.errors import PermanentError
from freshet.schemas.fields import Kind
from freshet.search.index.base import VersionInfo
from freshet.search.index.facts import is_version_of
from freshet.search.index.qdrant.conditions import INDEXES
from freshet.search.index.qdrant.failures import demand_completed, translated
from freshet.search.index.qdrant.filters import data_type, declared_indexes
from freshet.search.index.qdrant.payloads import DENSE, SPARSE


class QdrantVersions:
    """`IndexVersions` of the index that searches know by the alias `index`."""

    def __init__(self, client: AsyncQdrantClient, *, index: str, fields: Mapping[str, Kind] | None = None) -> None:
        """`fields` are declared: they get payload indexes in the versions that are made or met."""
        self._client = client
        self._index = index
        self._fields = fields or {}

    async def describe(self, version: str) -> VersionInfo | None:
        with translated("describe an index version"):
            if not await self._client.collection_exists(version):
                return None
            config = (await self._client.get_collection(version)).config
        vectors = config.params.vectors
        if not isinstance(vectors, dict) or DENSE not in vectors:
            # A write that names a vector which the collection lacks is refused, and may yet be applied in part.
            raise PermanentError(
                "describe an index version", f"{version!r} is no collection of Freshet's", hint="name another index"
            )
        return VersionInfo(version, vectors[DENSE].size, config.metadata or {})

    async def create(self, info: VersionInfo) -> None:
        with translated("create an index version"):
            if not await self._client.collection_exists(info.name):
                await self._create_collection(info)
            # Whoever made the collection may have died before its payload indexes; fields may be declared since.
            for field, schema in (await self._lacking(info.name, INDEXES | declared_indexes(self._fields))).items():
                # Over an index of another kind it replaces that one, in one step.
                result = await self._client.create_payload_index(info.name, field, schema, wait=True)
                demand_completed("create a payload index", result)

    async def undeclared(self, version: str) -> list[str]:
        """The declared fields that this version has no payload index of the right kind for, in their order."""
        with translated("look at payload indexes"):
            lacking = await self._lacking(version, declared_indexes(self._fields))
        return [
            name for name, index in zip(self._fields, declared_indexes(self._fields), strict=True) if index in lacking
        ]

    async def _lacking(
        self, version: str, wanted: Mapping[str, models.PayloadFieldSchema]
    ) -> dict[str, models.PayloadFieldSchema]:
        present = (await self._client.get_collection(version)).payload_schema
        return {
            field: schema
            for field, schema in wanted.items()
            if field not in present or present[field].data_type != data_type(schema)
        }

    async def record(self, version: str, facts: Mapping[str, Any]) -> None:
        with translated("record with an index version"):
            await self._client.update_collection(version, metadata=dict(facts))

    async def names(self) -> list[str]:
        with translated("list index versions"):
            found = (await self._client.get_collections()).collections
        return sorted(each.name for each in found if is_version_of(self._index, each.name))

    async def drop(self, version: str) -> None:
        if await self.live() == version:
            raise PermanentError("drop an index version", f"{version} is live", hint="make another one live before")
        with translated("drop an index version"):
            await self._client.delete_collection(version)

    async def live(self) -> str | None:
        with translated("read the alias"):
            aliases = (await self._client.get_aliases()).aliases
        return next((alias.collection_name for alias in aliases if alias.alias_name == self._index), None)

    async def make_live(self, version: str) -> None:
        # Creating an alias that exists replaces it in one action; two actions would be applied one by one.
        alias = models.CreateAlias(collection_name=version, alias_name=self._index)
        with translated("switch the alias"):
            await self._client.update_collection_aliases([models.CreateAliasOperation(create_alias=alias)])

    async def _create_collection(self, info: VersionInfo) -> None:
        vectors = {DENSE: models.VectorParams(size=info.dimension, distance=models.Distance.COSINE)}
        try:
            await self._client.create_collection(
                info.name,
                vectors_config=vectors,
                sparse_vectors_config={SPARSE: models.SparseVectorParams()},
                metadata=dict(info.metadata),
            )
        except UnexpectedResponse as error:
            if error.status_code != HTTPStatus.CONFLICT:  # somebody else was first
                raise
