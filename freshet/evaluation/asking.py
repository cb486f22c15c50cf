"""Asking every query in every way, one after the other, with the time that each answer takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from freshet.evaluation.beir import QUERIES, FolderError, Judged, Query
from freshet.evaluation.runs import Run
from freshet.search.asking import InvalidSearch
from freshet.search.service import SearchService

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Asked:
    """The documents that each query found, best first, and the seconds that each answer took."""

    found: Mapping[str, Sequence[str]]
    seconds: Sequence[float]

    def milliseconds(self, share: float) -> float:
        """What this share of the answers did not take longer than."""
        ordered = sorted(self.seconds)
        return round(1_000 * ordered[max(0, -int(-len(ordered) * share // 1) - 1)], 2)


async def ask_all(
    service: SearchService,
    run: Run,
    judged: Judged,
    *,
    advance: Callable[[int], None],
    clock: Clock = time.perf_counter,
) -> Asked:
    """Ask all queries. Raises FolderError for one that cannot be asked, and what the service raises."""
    await _ask(service, run, judged, judged.queries[0])  # opens connections, and reads the term statistics
    found, seconds = {}, []
    for query in judged.queries:
        began = clock()
        found[query.id] = await _ask(service, run, judged, query)
        seconds.append(clock() - began)
        advance(1)
    return Asked(found, seconds)


async def _ask(service: SearchService, run: Run, judged: Judged, query: Query) -> list[str]:
    try:
        answer = await service.search(run.request(query.text))
    except InvalidSearch as error:
        raise FolderError(judged.folder / QUERIES, query.line, f"the {error.field} {error.message}") from error
    return [result.id for result in answer.results]
