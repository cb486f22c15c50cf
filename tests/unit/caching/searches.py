"""Search processes over what workers do, the questions that they are asked, and what becomes of them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from prometheus_client import CollectorRegistry

from freshet.schemas.errors import OutsideError, TransientError
from freshet.schemas.http import SearchAnswer, SearchRequest
from freshet.search.asking import SearchRules
from freshet.search.index.base import VersionInfo
from freshet.search.live import LiveIndex, LiveVersion
from freshet.search.metrics import SearchMetrics
from freshet.search.service import SearchService
from freshet.search.snapshots import Snapshots
from freshet.search.statistics import TermStatistics
from tests.unit.caching.collection import DIMENSION, TEXT, IndexVersion, Reader
from tests.unit.caching.log import KINDS, TENANTS, WORDS
from tests.unit.caching.world import Upstream

STATISTICS_SECONDS: Final = 15  # moments between two looks for a new snapshot


@dataclass(eq=False)
class Asked:
    """A search under way: what was asked, and what was so when it began."""

    request: SearchRequest
    task: asyncio.Task[SearchAnswer]
    marks: dict[int, int]
    lives: int
    snapshots: dict[str, int]


def questions(rng: random.Random, number: int, *, tenants: bool) -> list[SearchRequest]:
    """So many different ones, of all kinds."""
    return [SearchRequest.model_validate_json(_json(_question(rng, tenants=tenants))) for _ in range(number)]


def _json(body: dict[str, Any]) -> bytes:
    import json

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


class SearchProcess:
    """One process: its reader, its model, its service; it may be killed and started again."""

    def __init__(self, name: str, world: Upstream, live: Callable[[], str], *, rules: SearchRules) -> None:
        self.name = name
        self.world = world
        self.gate = world.gates.of(self)
        self.snapshots: dict[str, Snapshots] = {}
        self.asked: list[Asked] = []
        index = LiveIndex(versions=Versions(world, self.gate, live), open_version=self._open)  # type: ignore[arg-type]
        self.service = SearchService(
            index=index,
            embedder=world.embedder,
            metrics=SearchMetrics(CollectorRegistry()),
            rules=rules,
        )

    def _open(self, info: VersionInfo) -> LiveVersion:
        reader = Reader(lambda: self._find(info.name), self.gate)
        clock = lambda: float(self.world.now)  # noqa: E731
        snapshots = self.snapshots[info.name] = Snapshots(reader, seconds=STATISTICS_SECONDS, clock=clock)
        return LiveVersion(info, reader, self.world.embedder, TEXT, snapshots)

    def _find(self, name: str) -> IndexVersion:
        found = self.world.collections.get(name)
        if found is None:
            raise TransientError("search", f"there is no {name}")
        return found

    def known(self) -> dict[str, int]:
        """By version the number of the snapshot that it weighs terms by."""
        known: dict[str, TermStatistics | None] = {name: each._known for name, each in self.snapshots.items()}
        return {name: 0 if each is None else each.number for name, each in known.items()}


def outcome(asked: Asked) -> SearchAnswer | None:
    """The answer; None where there was none."""
    try:
        return asked.task.result()
    except (OutsideError, asyncio.CancelledError):
        return None
