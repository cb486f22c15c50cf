"""Bad weather: what the proxies do to requests, by chance."""

from __future__ import annotations

import random
from typing import Final

from aiohttp import web

from tests.support.http_proxy import FINE, WRITES, Mishap, Weather
from tests.support.proxy import FINE as CALM
from tests.support.proxy import Trouble

SHARE: Final = 0.1  # of the requests that something happens to
ERRORS: Final = (429, 500, 503)
SLOW: Final = 0.5  # seconds, at most


def bad_weather(rng: random.Random) -> Weather:
    """Of a server of HTTP: a tenth of the requests is slow, refused, lost, answered in half or applied late."""

    def mishap(request: web.BaseRequest, _body: bytes) -> Mishap:
        if rng.random() > SHARE:
            return FINE
        status, late = rng.choice(ERRORS), rng.uniform(0, 2 * SLOW)
        any_request = [
            Mishap(delay=rng.uniform(0, SLOW)),
            Mishap(passed_on=False, reset=True),
            Mishap(passed_on=False, status=status),
            Mishap(status=status),
            Mishap(cut=True),
        ]
        of_writes = [
            Mishap(reset=True),
            Mishap(acknowledged=True),
            Mishap(passed_on=False, acknowledged=True),
            Mishap(late=late, acknowledged=True),
            Mishap(late=late, status=503),
        ]
        return rng.choice(any_request + (of_writes if _writes(request) else []))

    return mishap


def trouble(rng: random.Random) -> Trouble:
    """Of a connection: a tenth of what comes back is slow, cut in the middle, or gone."""
    if rng.random() > SHARE:
        return CALM
    return rng.choice([Trouble(delay=rng.uniform(0, SLOW)), Trouble(keep=0.5), Trouble(keep=0.0)])


def _writes(request: web.BaseRequest) -> bool:
    """Whether it changes points: searches and reads are POST requests to paths of their own."""
    path = request.path
    return (request.method in WRITES and path.endswith("/points")) or path.endswith(("/points/delete", "/points/batch"))
