"""Search processes over what workers do, the questions that they are asked, and what becomes of them."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from prometheus_client import CollectorRegistry

from freshet.schemas.errors import OutsideError, TransientError
from freshet.schemas.http import SearchAnswer, SearchRequest
from freshet.search.asking import SearchRules
from freshet.search.feed.base import Several
from freshet.search.feed.metrics import FeedMetrics
from freshet.search.feed.ring import Ring
from freshet.search.feed.tail import Tail
from freshet.search.index.base import VersionInfo
from freshet.search.index.facts import collection_told
from freshet.search.live import LiveIndex, LiveVersion
from freshet.search.metrics import SearchMetrics
from freshet.search.results.cache import ResultCache, Way
from freshet.search.results.lifetimes import Lifetimes
from freshet.search.results.memory import HotResults
from freshet.search.results.metrics import ResultMetrics
from freshet.search.results.proving import RULES, Reason, Rule
from freshet.search.service import SearchService
from freshet.search.snapshots import Snapshots
from tests.support.memory_index import Gate
from tests.unit.caching.collection import DIMENSION, FIELDS, TEXT, IndexVersion, Reader
from tests.unit.caching.feed import FeedReader
from tests.unit.caching.gates import kill
from tests.unit.caching.log import KINDS, TENANTS, WORDS
from tests.unit.caching.world import Upstream

PROOF: Mapping[Reason, Rule] = RULES
SECONDS: Final = 0.02  # of a moment, for whoever remembers which version is live
STATISTICS_SECONDS: Final = 15  # moments between two looks for a new snapshot


@dataclass(eq=False)
class Asked:
    """A search under way: what was asked, and what was so when it began.

    `at_least` are watermarks of the version `of` that the process had reached. Since `lives` (their number) versions
    count that may be answered from, and `snapshots` are by version the numbers of those that weighed terms.
    """

    request: SearchRequest
    task: asyncio.Task[SearchAnswer]
    at_least: Mapping[int, int]
    of: str
    lives: int
    snapshots: dict[str, int]


def questions(rng: random.Random, number: int, *, tenants: bool) -> list[SearchRequest]:
    """So many different ones, of all kinds."""
    return [SearchRequest.model_validate_json(_json(_question(rng, tenants=tenants))) for _ in range(number)]


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()


def _question(rng: random.Random, *, tenants: bool) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "query": " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 3))),
        "mode": rng.choice(("hybrid", "dense", "sparse")),
        "limit": rng.randint(1, 4),
        "explain": rng.random() < 0.3,
    }
    if tenants:
        asked["tenant"] = rng.choice(TENANTS)
    if rng.random() < 0.2:
        asked["offset"] = 1
    if rng.random() < 0.5:
        asked["filters"] = {rng.choice(("must", "must_not")): [_condition(rng)]}
        if rng.random() < 0.3:
            del asked["query"]
    if rng.random() < 0.25:
        asked["facets"] = rng.choice((["metadata.kind"], ["metadata.n"], ["metadata.kind", "metadata.n"]))
        asked["facet_limit"] = rng.choice((1, 20))
    return asked


def _condition(rng: random.Random) -> dict[str, Any]:
    return rng.choice(
        (
            {"key": "metadata.kind", "match": {"value": rng.choice(KINDS)}},
            {"key": "metadata.kind", "match": {"value": rng.choice(KINDS)}},
            {"key": "metadata.n", "range": {"gte": 1}},
            {"is_empty": {"key": "metadata.n"}},
            {"key": "metadata.words", "match": {"text": rng.choice(WORDS)}},
        )
    )


class Versions:
    """Which version is live."""

    def __init__(self, world: Upstream, gate: Callable[[str], Any], live: Callable[[], str]) -> None:
        self._world, self._gate, self._live = world, gate, live

    async def live(self) -> str | None:
        await self._gate("alias")
        return self._live()

    async def describe(self, version: str) -> VersionInfo | None:
        await self._gate("describe")
        found = self._world.collections.get(version)
        return None if found is None else VersionInfo(version, DIMENSION, found.facts)


class Shared:
    """What processes share, as one of them reaches it: it may lose anything, and bring old values back."""

    def __init__(self, store: dict[str, bytes], gate: Gate) -> None:
        self._store = store
        self._gate = gate

    async def get(self, key: str) -> bytes | None:
        await self._gate("get")
        found = self._store.get(key)
        await self._gate("get is answered")
        return found

    async def put(self, key: str, value: bytes, *, ttl: float) -> None:  # noqa: ARG002
        await self._gate("put")
        self._store[key] = value

    async def close(self) -> None:
        return


@dataclass(frozen=True)
class Parts:
    """What processes have in common: the store, the rules, how much a ring and a memory hold."""

    store: dict[str, bytes]
    rules: SearchRules
    ring_bytes: int
    results_bytes: int
    back: int


class Following:
    """Who waits at the gates of a tail."""


class SearchProcess:
    """One process: its tail, its ring, its answers; it may be killed and started again."""

    def __init__(self, world: Upstream, live: Callable[[], str], parts: Parts) -> None:
        self.world = world
        self.gate = world.gates.of(self)
        self.follower = Following()
        self.snapshots: dict[str, Snapshots] = {}
        self.asked: list[Asked] = []
        self.following: asyncio.Task[Any] | None = None
        registry = CollectorRegistry()
        ring = Ring(max_bytes=parts.ring_bytes)
        lifetimes = Lifetimes(least=40, most=400, clock=self._clock, chance=world.random.random)
        gate = world.gates.of(self.follower)
        self.feed = FeedReader(lambda: world.feed, gate, self._committed, parts.back)
        self.tail = Tail(
            self.feed,
            topic="documents",
            sink=Several((ring, lifetimes)),
            metrics=FeedMetrics(registry),
            clock=lambda: world.seconds,
            sleep=lambda _: gate("sleep"),
            jitter=lambda: 0.0,
        )
        self.results = ResultCache(
            following=self.tail,
            ring=ring,
            memory=HotResults(max_bytes=parts.results_bytes),
            shared=Shared(parts.store, self.gate),
            way=Way(FIELDS, "shape"),
            lifetimes=lifetimes,
            metrics=ResultMetrics(registry),
            clock=self._clock,
            rules=PROOF,
        )
        versions: Any = Versions(world, self.gate, live)
        index = LiveIndex(versions=versions, open_version=self._open, clock=lambda: SECONDS * world.now)
        self.service = SearchService(
            index=index,
            embedder=world.embedder,
            metrics=SearchMetrics(registry),
            rules=parts.rules,
            following=self.tail,
            results=self.results,
        )

    async def start(self) -> None:
        self.following = await self.world.gates.start(self.tail.run())

    async def kill(self) -> None:
        tasks = [each.task for each in self.asked] + ([] if self.following is None else [self.following])
        self.asked = []
        await kill(*tasks)
        await self.results.close()

    def _clock(self) -> float:
        return float(self.world.now)

    def _committed(self, name: str) -> Mapping[int, int]:
        found = self.world.collections.get(collection_told(name))
        return {} if found is None else found.committed

    def _open(self, info: VersionInfo) -> LiveVersion:
        reader = Reader(lambda: self._find(info.name), self.gate)
        snapshots = self.snapshots[info.name] = Snapshots(reader, seconds=STATISTICS_SECONDS, clock=self._clock)
        return LiveVersion(info, reader, self.world.embedder, TEXT, snapshots)

    def _find(self, name: str) -> IndexVersion:
        found = self.world.collections.get(name)
        if found is None:
            raise TransientError("search", f"there is no {name}")
        return found

    def known(self) -> dict[str, int]:
        """By version the number of the snapshot that it weighs terms by."""
        known = {name: each._known for name, each in self.snapshots.items()}
        return {name: 0 if each is None else each.number for name, each in known.items()}


def outcome(asked: Asked) -> SearchAnswer | None:
    """The answer; None where there was none."""
    try:
        return asked.task.result()
    except (OutsideError, asyncio.CancelledError):
        return None
