from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from freshet.schemas.access import Scope
from freshet.search.http.callers import ANYBODY, NOBODY, Keyring
from freshet.search.limits.base import Limit
from tests.unit.search.http.keys import ADMIN, PUBLISHER, SEARCHER, Caller, caller, keys
from tests.unit.search.http.world import World

FEW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def headers(*pairs: tuple[str, str]) -> CIMultiDictProxy[str]:
    return CIMultiDictProxy(CIMultiDict(pairs))


def shown_by(who: Caller) -> CIMultiDictProxy[str]:
    return headers(*who.bearer.items())


@pytest.mark.parametrize("who", [SEARCHER, PUBLISHER, ADMIN, None])
def test_whatever_key_is_shown_it_is_compared_with_all_in_constant_time(monkeypatch, who):
    compared = []
    real = hmac.compare_digest

    def compare(known: bytes, shown: bytes) -> bool:
        compared.append((len(known), len(shown)))
        return real(known, shown)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    ring = Keyring(keys(SEARCHER, PUBLISHER, ADMIN))
    found = ring.caller(shown_by(who) if who else headers(("X-API-Key", "x" * 5_000)))
    assert compared == [(32, 32)] * 3
    assert found.name == (who.entry.hash if who else "")


@given(value=st.text(max_size=60), scheme=st.sampled_from(["Bearer ", "bearer\t", "Bearer  ", "Basic ", ""]))
def test_nobody_comes_in_with_anything_but_a_key(value, scheme):
    ring = Keyring(keys(SEARCHER, ADMIN))
    assert ring.caller(headers(("Authorization", scheme + value))) is NOBODY
    assert ring.caller(headers(("X-API-Key", value))) is NOBODY


def test_several_keys_at_once_are_none():
    ring = Keyring(keys(SEARCHER, ADMIN))
    assert ring.caller(headers(("X-API-Key", ADMIN.key), ("X-API-Key", SEARCHER.key))) is NOBODY
    assert ring.caller(headers(("X-API-Key", ADMIN.key), ("X-API-Key", ADMIN.key))).may(Scope.ADMIN)


def test_a_service_without_keys_knows_nobody_apart():
    assert Keyring(()).caller(shown_by(ADMIN)) is ANYBODY
    assert not any(NOBODY.may(scope) for scope in Scope)


@pytest.mark.parametrize(
    ("own", "limit"),
    [
        ({}, Limit(10, 20)),
        ({"rate": 5}, Limit(5, 20)),
        ({"burst": 7}, Limit(10, 7)),
        ({"rate": 0.5, "burst": 1}, Limit(0.5, 1)),
        ({"rate": 0}, None),
    ],
)
def test_a_key_has_its_own_limit_where_it_names_one(own, limit):
    who = caller("own", Scope.SEARCH, **own)
    assert Keyring(keys(who), limit=Limit(10, 20)).caller(shown_by(who)).limit == limit


def test_without_a_limit_for_all_a_key_may_have_one_all_the_same():
    who, other = caller("own", Scope.SEARCH, rate=5), caller("other", Scope.SEARCH)
    ring = Keyring(keys(who, other))
    assert ring.caller(shown_by(who)).limit == Limit(5, 5)
    assert ring.caller(shown_by(other)).limit is None


@pytest.fixture
async def locked() -> AsyncIterator[World]:
    world = World()
    async with world.serving(keys=keys(SEARCHER)):
        yield world


@FEW
@given(
    name=st.sampled_from([b"Authorization: ", b"Authorization: Bearer ", b"X-API-Key: ", b""]),
    value=st.binary(max_size=80),
)
async def test_any_bytes_in_a_header_are_refused_and_never_a_failure_of_ours(locked, name, value):
    reader, writer = await asyncio.open_connection("127.0.0.1", locked.port)
    writer.write(b"GET /index HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + name + value + b"\r\n\r\n")
    answer = await reader.read()
    writer.close()
    assert int(answer.split(b" ", 2)[1]) in (400, 401)
