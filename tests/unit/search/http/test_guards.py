from __future__ import annotations

import pytest

from freshet.search.http.guards import Guard
from freshet.search.http.problems import Kind, Problem

GUARD = Guard(frozenset({"Search.example"}))


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:8080",
        "localhost.",
        "127.0.0.1",
        "127.9.9.9:80",
        "[::1]",
        "[::1]:8080",
        "search.example",
        "SEARCH.example:443",
    ],
)
def test_loopback_and_configured_names_are_served(host):
    GUARD.check({"Host": host, "Origin": f"http://{host}"})


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.example:localhost",
        "evil@localhost",
        "localhost@evil.example",
        "sub.search.example",
        "10.0.0.1",
        "0.0.0.0",
        "[::]",
        "[fe80::1]",
        "localhost localhost",
        "localhost:",
        "localhost:80:80",
        "\udcff",
    ],
)
def test_every_other_host_is_foreign(host):
    with pytest.raises(Problem) as caught:
        GUARD.check({"Host": host})
    assert caught.value.kind is Kind.FOREIGN_HOST


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "https://evil.example",
        "http://localhost.evil.example",
        "http://localhost@evil.example",
        "http://evil.example/http://localhost",
        "file://localhost",
        "http://",
        "localhost",
        "http://localhost http://evil.example",
    ],
)
def test_every_other_origin_is_foreign(origin):
    with pytest.raises(Problem) as caught:
        GUARD.check({"Host": "localhost", "Origin": origin})
    assert caught.value.kind is Kind.FOREIGN_ORIGIN


def test_a_request_without_host_is_refused():
    with pytest.raises(Problem):
        GUARD.check({})
