"""Asking every query in every way, one after the other, with the time that each answer takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from freshet.evaluation.beir import QUERIES, FolderError, Judged, Query
from freshet.evaluation.runs import Run
from freshet.schemas.http import SearchAnswer, SearchRequest
from freshet.search.asking import InvalidSearch
from freshet.search.recent import quantile
from freshet.search.service import SearchService

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Asked:
    """The documents that each query found, best first, and the seconds that each answer took.

    `degraded` counts answers that had to do without something.
    """

    found: Mapping[str, Sequence[str]]
    seconds: Sequence[float]
    degraded: int = 0

    def milliseconds(self, share: float) -> float:
        """What this share of the answers did not take longer than."""
        return round(1_000 * quantile(self.seconds, share), 2)


async def ask_all(
    service: SearchService,
    run: Run,
    judged: Judged,
    *,
    advance: Callable[[int], None],
    clock: Clock = time.perf_counter,
) -> Asked:
    """Ask all queries. Raises FolderError for one that cannot be asked, and what the service raises."""
    await _ask(service, judged, judged.queries[0], run.requests(judged.queries[0].text)[0])  # opens connections
    found, seconds, degraded = {}, [], 0
    for query in judged.queries:
        first, *others = run.requests(query.text)
        began = clock()
        answer = await _ask(service, judged, query, first)
        seconds.append(clock() - began)
        answers = [answer, *[await _ask(service, judged, query, each) for each in others]]
        found[query.id] = list(dict.fromkeys(result.id for each in answers for result in each.results))
        degraded += bool(answer.degraded)
        advance(1)
    return Asked(found, seconds, degraded)


async def _ask(service: SearchService, judged: Judged, query: Query, request: SearchRequest) -> SearchAnswer:
    try:
        return await service.search(request)
    except InvalidSearch as error:
        raise FolderError(judged.folder / QUERIES, query.line, f"the {error.field} {error.message}") from error
