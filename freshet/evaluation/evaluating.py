"""An evaluation from beginning to end, with the parts that worker and service are made of."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry

from freshet.evaluation.asking import Asked, ask_all
from freshet.evaluation.beir import Judged
from freshet.evaluation.collection import OneVersion, own_collection
from freshet.evaluation.indexing import Patience, Sizes, index_corpus
from freshet.evaluation.measuring import mean, measure
from freshet.evaluation.results import Corpus, Evaluation, Latency, RunResult, Setup
from freshet.evaluation.runs import Run
from freshet.schemas.decoding import Rules
from freshet.schemas.positions import Order
from freshet.search.asking import SearchRules
from freshet.search.embedding.base import Embedder
from freshet.search.index.base import VersionInfo
from freshet.search.index.identity import Identity
from freshet.search.index.qdrant.reader import QdrantReader
from freshet.search.index.qdrant.statistics import QdrantStatistics
from freshet.search.index.qdrant.writer import QdrantWriter
from freshet.search.live import LiveIndex, LiveVersion
from freshet.search.metrics import SearchMetrics
from freshet.search.rerank.base import RerankOff, TimedReranker
from freshet.search.service import SearchService
from freshet.settings import Settings
from freshet.streams.indexer import Indexer
from freshet.streams.retry import Retry, Weather
from freshet.streams.statistics import renew_statistics
from freshet.wiring.parts import identity
from freshet.wiring.rerank import ranking

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient

Bar = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What an evaluation works with; whoever made it closes it.

    `passages` embeds what is indexed, and may know much of it already. `queries` embeds each query anew, as a service
    does that hears it for the first time. `bar` shows how far something has come of how much there is.
    """

    settings: Settings
    client: AsyncQdrantClient
    passages: Embedder
    queries: Embedder
    reranker: TimedReranker | RerankOff
    bar: Bar


async def evaluate(judged: Judged, runs: Sequence[Run], parts: Parts, *, keep: bool = False) -> Evaluation:
    """Index the corpus, ask all queries, measure. Raises FolderError, and what index and model raise."""
    wanted = identity(parts.settings, parts.passages.model)
    async with own_collection(parts.client, wanted, judged, keep=keep) as info:
        await _index(judged, wanted, info, parts)
        statistics = QdrantStatistics(parts.client, collection=info.name)
        await renew_statistics(statistics, always=True)
        passages = await statistics.count_passages()
        service = _service(info, parts)
        with parts.bar("asking", len(runs) * len(judged.queries)) as advance:
            asked = [(run, await ask_all(service, run, judged, advance=advance)) for run in runs]
    results = [_result(run, judged, each) for run, each in asked]
    return Evaluation(corpus=_corpus(judged, passages), setup=_setup(wanted, parts.settings), runs=results)


async def _index(judged: Judged, wanted: Identity, info: VersionInfo, parts: Parts) -> None:
    weather, given = Weather(), parts.settings.worker
    indexer = Indexer(
        index=QdrantWriter(parts.client, collection=info.name, dimension=info.dimension),
        embedder=parts.passages,
        order=Order.LOG,
        recipe=wanted.recipe,
        text=wanted.text,
        retry=Retry(weather=weather, longest_wait=given.retry_seconds),
        clock=time.time,
        ledger_bytes=given.ledger_bytes,
        batch_tokens=given.batch_tokens,
    )
    with parts.bar("indexing", len(judged.documents)) as advance:
        await index_corpus(
            judged,
            indexer,
            rules=rules(parts.settings),
            sizes=Sizes(given.batch_events, given.batch_bytes),
            patience=Patience(weather),
            advance=advance,
        )


def rules(settings: Settings) -> Rules:
    """What a document may be; a corpus knows no tenants and no versions."""
    return Rules(max_bytes=settings.max_event_bytes)


def _service(info: VersionInfo, parts: Parts) -> SearchService:
    given = parts.settings.search
    return SearchService(
        index=LiveIndex(
            versions=OneVersion(parts.client, name=info.name),
            open_version=lambda found: LiveVersion.of(
                found, QdrantReader(parts.client, collection=found.name), parts.queries
            ),
        ),
        embedder=parts.queries,
        metrics=SearchMetrics(CollectorRegistry()),
        rules=SearchRules(list_length=given.list_length),
        ranking=ranking(parts.settings, parts.reranker),
    )


def _result(run: Run, judged: Judged, asked: Asked) -> RunResult:
    scores = measure(judged.grades, asked.found)
    latency = Latency(p50=asked.milliseconds(0.5), p95=asked.milliseconds(0.95))
    return RunResult(name=run.name, degraded=asked.degraded, measures=mean(scores), latency_ms=latency, queries=scores)


def _corpus(judged: Judged, passages: int) -> Corpus:
    return Corpus(
        name=judged.name,
        documents=len(judged.documents),
        passages=passages,
        digest=judged.corpus_digest,
        split=judged.split,
        queries=len(judged.queries),
        queries_digest=judged.queries_digest,
    )


def _setup(wanted: Identity, settings: Settings) -> Setup:
    return Setup(
        model=wanted.model.name,
        window=wanted.recipe.window,
        languages=list(wanted.text.languages),
        average_length=wanted.text.average_length,
        fusion=settings.search.fusion,
        list_length=settings.search.list_length,
        fingerprint=wanted.fingerprint,
    )
