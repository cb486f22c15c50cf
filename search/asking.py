"""What can be asked: requests are checked before anything is done for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from freshet.schemas.declared import InvalidFilter, check_facets, check_filter
from freshet.schemas.errors import FreshetError
from freshet.schemas.fields import Kind
from freshet.schemas.http import ListName, Mode, SearchRequest
from freshet.search.query import Query, read_query

MAX_QUERY_CHARACTERS: Final = 8_000
LISTS: Final[Mapping[Mode, tuple[ListName, ...]]] = {
    "hybrid": ("dense", "sparse"),
    "dense": ("dense",),
    "sparse": ("sparse",),
}


class InvalidSearch(FreshetError):  # noqa: N818 (what it is, as the answer calls it)
    """A search that cannot be answered as it was asked: the field at fault, and a sentence for people."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(field, message)
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that can be answered, with its query in one spelling."""

    request: SearchRequest
    query: Query

    @property
    def lists(self) -> tuple[ListName, ...]:
        """The lists to look in; none where documents are only listed."""
        return () if self.query.is_empty else LISTS[self.request.mode]

    @property
    def end(self) -> int:
        """How many documents from the top the page reaches."""
        return self.request.offset + self.request.limit


@dataclass(frozen=True, slots=True)
class SearchRules:
    """What a search may ask for: whether it names a tenant, the declared fields, and how far its pages go."""

    tenants: bool = False
    fields: Mapping[str, Kind] = field(default_factory=dict)
    list_length: int = 100

    def check(self, request: SearchRequest) -> Asked:
        """The request, where it can be answered, by a model that takes so long a query. Raises InvalidSearch."""
        self._check_tenant(request)
        if request.offset >= self.list_length:
            told = f"must be below {self.list_length}, the length of a list, which FRESHET_SEARCH__LIST_LENGTH sets"
            raise InvalidSearch("offset", told)
        self._check_fields(request)
        if len(request.query) > MAX_QUERY_CHARACTERS:
            raise InvalidSearch("query", f"has {len(request.query)} characters, the limit is {MAX_QUERY_CHARACTERS}")
        asked = Asked(request, read_query(request.query))
        if asked.query.is_empty and request.filters is None:
            message = "is empty: ask with at least one visible character, or give filters to list what passes them"
            raise InvalidSearch("query", message)
        return asked

    def _check_tenant(self, request: SearchRequest) -> None:
        if self.tenants and request.tenant is None:
            raise InvalidSearch("tenant", "tenants are on, so every search names its tenant")
        if not self.tenants and request.tenant is not None:
            raise InvalidSearch("tenant", "tenants are off, so a search names none")

    def _check_fields(self, request: SearchRequest) -> None:
        try:
            if request.filters is not None:
                check_filter(request.filters, self.fields)
            check_facets(request.facets, self.fields)
        except InvalidFilter as error:
            raise InvalidSearch(error.field, error.message) from error
