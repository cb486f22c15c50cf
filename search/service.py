"""From a search request to its answer.

request → check → result cache, else: turn → resolve the live version, embed the query → compute → answer
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Final

from freshet.schemas.errors import OverloadedError
from freshet.schemas.fields import Kind
from freshet.schemas.http import IndexState, SearchAnswer, SearchRequest
from freshet.search.asking import Asked, SearchRules
from freshet.search.computing import Computing, Ranking
from freshet.search.early import QueryVector
from freshet.search.embedding.base import Embedder
from freshet.search.feed.base import Following
from freshet.search.health import Check
from freshet.search.live import LiveIndex, LiveVersion
from freshet.search.load import Admission
from freshet.search.metrics import Degraded, SearchMetrics, Stage
from freshet.search.recording import Recording
from freshet.search.results.base import Answered, Answers, Begin, Computed
from freshet.search.results.entry import Content
from freshet.search.results.popular import Popular
from freshet.search.results.uncached import Uncached
from freshet.search.timing import Timer

_RANKING: Final = Ranking()
_QUIET_SECONDS: Final = 1.0  # after which who was to come when there is less to do may ask again
ALIAS_SECONDS: Final = 0.1  # so long ago the version of a kept answer may have been seen live


@dataclass(frozen=True, slots=True)
class Offer:
    """What searches can ask for that not every service has: declared fields by their paths, and a reranker."""

    fields: Mapping[str, Kind]
    reranking: bool


class SearchService:
    """Answers searches. Safe to call from several tasks at once.

    `embedder` is the model that a version is supposed to have while none was live yet. Without `following` answers
    say no watermarks, without `results` each is computed. Whoever computes one waits for `admission`, where there is
    one; who gets a kept answer does not. `popular` is told what is asked.
    """

    def __init__(
        self,
        *,
        index: LiveIndex,
        embedder: Embedder,
        metrics: SearchMetrics,
        rules: SearchRules,
        ranking: Ranking = _RANKING,
        recording: Recording | None = None,
        following: Following | None = None,
        results: Answers | None = None,
        admission: Admission | None = None,
        popular: Popular | None = None,
        clock: Callable[[], float] = time.perf_counter,
        new_id: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self._index = index
        self._embedder = embedder
        self._metrics = metrics
        self._rules = rules
        self._ranking = ranking
        self._computing = Computing(rules=rules, ranking=ranking)
        self._recording = recording
        self._results: Answers = Uncached(following) if results is None else results
        self._admission = admission
        self._popular = popular
        self._following = following
        self._clock = clock
        self._new_id = new_id
        self._tried: set[str] = set()

    async def search(
        self,
        request: SearchRequest,
        *,
        seconds_left: float = math.inf,
        at_least: Mapping[int, int] | None = None,
        in_advance: bool = False,
    ) -> SearchAnswer:
        """Answer a request, for which there is so much time. No answer is from before the watermarks `at_least`.

        One that is asked `in_advance`, for whoever asks it next, is not recorded, and sent away while others need more
        than half of what can be worked on at once. Raises InvalidSearch, ShedError, and what the index and the model
        raise (schemas/errors.py).
        """
        timer = Timer(self._clock, self._metrics)
        asked = self._rules.check(request)
        if in_advance:
            self._demand_quiet()
        elif self._popular is not None:
            self._popular.asked(request)
        resolve = partial(self._index.current, within=ALIAS_SECONDS)
        compute = partial(self._compute, asked, timer, seconds_left)
        answered = await self._results.answer(asked, resolve, compute, at_least=at_least or {})
        if Stage.CACHE not in timer.stages:
            timer.ended(Stage.CACHE)
        answer = self._told(answered, timer)
        if self._recording is not None and not in_advance:
            self._recording.answered(asked, answer)
        return answer

    def _demand_quiet(self) -> None:
        """Raise OverloadedError where there is enough to do; before anything is begun that somebody might wait for."""
        if self._admission is not None and not self._admission.idle:
            told = "nobody waits for it, and others need their places"  # no ShedError: those count users sent away
            raise OverloadedError("search", told, retry_after=_QUIET_SECONDS)

    def _told(self, answered: Answered, timer: Timer) -> SearchAnswer:
        """An answer as who asked gets it. It is true at the watermarks, for they were noted before it was read."""
        content = answered.content
        return SearchAnswer(
            query_id=self._new_id(),
            query=content.query,
            results=content.results,
            facets=content.facets,
            reranked=content.reranked,
            took_ms=timer.took_ms(),
            stages=timer.stages,
            cached=answered.cached,
            degraded=[reason.value for reason in self._degraded(content)],
            index=IndexState(version=content.version, topic=content.topic, watermarks=dict(answered.mark.watermarks)),
        )

    def _degraded(self, content: Content) -> list[Degraded]:
        """What the answer has to do without; it is counted."""
        found = [Degraded[each.upper()] for each in content.degraded]
        if self._following is not None and not self._following.sure:
            found.append(Degraded.CHANGES_UNKNOWN)
        for reason in found:
            self._metrics.degraded(reason)
        return found

    async def _compute(self, asked: Asked, timer: Timer, seconds_left: float, begin: Begin) -> Computed:
        """What the live version says, as soon as it is our turn."""
        timer.ended(Stage.CACHE)

        async def work(live: LiveVersion) -> Computed:
            begin(live)
            timer.ended(Stage.RESOLVE, began=began)
            return await self._computing.compute(asked, vector, timer, live)

        async with nullcontext() if self._admission is None else self._admission.enter(seconds_left=seconds_left):
            began = timer.seconds()
            with QueryVector(asked, timer).begun(self._likely) as vector:
                return await self._index.use(work, within=timer.seconds())  # or since the request came

    @property
    def offer(self) -> Offer:
        """What can be asked for here."""
        return Offer(self._rules.fields, reranking=self._ranking.reranking.model is not None)

    def checks(self) -> Mapping[str, Check]:
        """What must work before searches are sent here: a live version that can be reached, and the model."""
        return {"index": self._index.current, "embedder": self._try_model}

    @property
    def _likely(self) -> Embedder:
        """The model of the version that was live last; another one is live once in a long while."""
        return self._embedder if self._index.last is None else self._index.last.embedder

    async def _try_model(self) -> None:
        # Once each: a remote model is paid for, so probes must not ask it again and again.
        embedder = self._likely
        if embedder.model.fingerprint not in self._tried:
            await embedder.embed(["ready"], purpose="query")
            self._tried.add(embedder.model.fingerprint)
