"""Searches over a quiet index, one at a time and from 32 clients at once, and while the worker indexes at full rate.

Every query is asked once, so that nothing comes from a cache. The parts of a search are to embed the query, the two
lists in one call and the ledger records of their documents, and where it is reranked to score the same pairs of query
and passage: each made by the same code in this process while the service does nothing. The plain service
(benchmarks/plain_service.py) answers the same queries from the same index. What reranks is a cross-encoder of the usual
size that knows nothing (benchmarks/cross_encoder.py).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from itertools import islice
from pathlib import Path

import aiohttp

from benchmarks.corpus import Event, take
from benchmarks.cross_encoder import write_cross_encoder
from benchmarks.figures import Figure
from benchmarks.served import served
from benchmarks.stack import Given, Log, log_of, new_stack
from freshet.cli.output import warn
from freshet.local.artifacts import Artifacts
from freshet.local.folders import cache_folder
from freshet.local.processes import LocalPartError
from freshet.local.stack import LocalStack
from freshet.search.bm25 import Bm25
from freshet.search.embedding.openvino import OpenVINOEmbedder
from freshet.search.fusion import fuse
from freshet.search.index.qdrant.client import connect
from freshet.search.index.qdrant.reader import QdrantReader
from freshet.search.recent import quantile
from freshet.search.rerank.openvino import OpenVINOReranker
from freshet.search.reranking import DEPTH, text_of
from freshet.search.retrieval import Retrieved
from freshet.settings import load_settings

ONE_BY_ONE = 300
AT_ONCE = 2_000
CLIENTS = 32
ROUNDS = 3  # ours and the plain one take turns
WHILE_INDEXING = 4_000  # documents that are published meanwhile
QUERY_WORDS = 9
LIMIT = 5
RERANKED = 150
RERANKED_DOCUMENTS = 1_000


async def run(given: Given) -> list[Figure]:
    corpus = take(given.corpus, given.documents)
    queries = new_queries(given.corpus)
    async with new_stack(given, "searching") as stack:
        await stack.start_servers()
        await stack.start_processes()
        found = await stack.guard(_measure(stack, corpus, queries))
    model = write_cross_encoder(Artifacts(cache_folder()).model_folder(), given.folder / "cross-encoder")
    # A budget that no search exceeds, for what is not reranked in time would look fast.
    settings = {"RERANK__PROVIDER": "openvino", "RERANK__MODEL": str(model), "RERANK__BUDGET_MS": "60000"}
    async with new_stack(given, "reranking", search=settings) as stack:
        await stack.start_servers()
        await stack.start_processes()
        return [*found, *await stack.guard(_measure_reranked(stack, corpus[:RERANKED_DOCUMENTS], queries, model))]


def new_queries(corpus: Sequence[Event]) -> Iterator[str]:
    """Ever new ones: some words of a document, from ever other places."""
    at = 0
    while True:
        for event in corpus:
            words = event["text"].split()
            start = at % max(1, len(words) - QUERY_WORDS)
            yield " ".join([*words[start : start + QUERY_WORDS], f"q{at}"])
            at += 1


async def _measure(stack: LocalStack, corpus: Sequence[Event], queries: Iterator[str]) -> list[Figure]:
    async with log_of(stack) as log, aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CLIENTS)) as session:
        await log.publish(corpus)
        await log.until_indexed()
        service = Client(session, stack.url)
        await service.one_by_one(islice(queries, 100))
        warn("one search at a time, and its parts")
        idle = await service.one_by_one(islice(queries, ONE_BY_ONE))
        parts = await _parts(stack, list(islice(queries, ONE_BY_ONE)))
        warn(f"{CLIENTS} clients at once, and the same of a plain service")
        ours, plain = await _at_once(stack, session, service, queries)
        warn("searches while the worker indexes")
        busy = await _while_indexing(log, service, corpus, queries)
    return figures(idle, parts, ours, plain, busy)


async def _measure_reranked(
    stack: LocalStack, corpus: Sequence[Event], queries: Iterator[str], model: Path
) -> list[Figure]:
    async with log_of(stack) as log, aiohttp.ClientSession() as session:
        await log.publish(corpus)
        await log.until_indexed()
        service = Client(session, stack.url)
        await service.one_by_one(islice(queries, 50))
        warn("one reranked search at a time, and its parts")
        whole = quantile(await service.one_by_one(islice(queries, RERANKED)), 0.5)
        parts = quantile(await _parts(stack, list(islice(queries, RERANKED)), reranker=OpenVINOReranker(model)), 0.5)
    return [
        Figure("searching.reranked_p50", 1_000 * whole, "ms", baseline=1_000 * parts),
        Figure("searching.reranked_ratio_to_parts", whole / parts, "ratio", goal="<=1.15", baseline=1),
    ]


def figures(
    idle: Sequence[float], parts: Sequence[float], ours: float, plain: float, busy: Sequence[float]
) -> list[Figure]:
    half, whole = quantile(idle, 0.5), quantile(parts, 0.5)
    late, late_busy = quantile(idle, 0.99), quantile(busy, 0.99)
    return [
        Figure("searching.p50", 1_000 * half, "ms", baseline=1_000 * whole),
        Figure("searching.ratio_to_parts", half / whole, "ratio", goal="<=1.5", baseline=1),
        Figure("searching.per_second", ours, "searches/s", baseline=plain),
        Figure("searching.ratio_to_plain", ours / plain, "ratio", goal=">=3", baseline=1),
        Figure("searching.p99", 1_000 * late, "ms"),
        Figure("searching.p99_while_indexing", 1_000 * late_busy, "ms", baseline=1_000 * late),
        Figure("searching.ratio_while_indexing", late_busy / late, "ratio", goal="<=2", baseline=1),
    ]


class Client:
    """Asks one service."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def ask(self, query: str) -> float:
        """Seconds until the answer was read. Raises LocalPartError for anything but an answer."""
        began = time.perf_counter()
        async with self._session.post(f"{self._url}/search", json={"query": query, "limit": LIMIT}) as answer:
            content = await answer.read()
        if answer.status != 200:
            raise LocalPartError(f"the search service answers {answer.status}: {content.decode(errors='replace')}")
        return time.perf_counter() - began

    async def one_by_one(self, queries: Iterator[str]) -> list[float]:
        return [await self.ask(query) for query in queries]

    async def at_once(self, queries: Sequence[str]) -> float:
        """Searches a second of so many clients that each ask again as soon as they are answered."""
        waiting, began = iter(queries), time.perf_counter()
        await asyncio.gather(*(self.one_by_one(waiting) for _ in range(CLIENTS)))
        return len(queries) / (time.perf_counter() - began)


async def _at_once(
    stack: LocalStack, session: aiohttp.ClientSession, service: Client, queries: Iterator[str]
) -> tuple[float, float]:
    """The better of some rounds, of ours and of the plain service."""
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(await service.at_once(list(islice(queries, AT_ONCE))))
        async with served("benchmarks.plain_service", stack.qdrant.url, stack.qdrant.api_key, "documents") as url:
            plain = Client(session, url)
            await plain.one_by_one(islice(queries, 50))
            theirs.append(await plain.at_once(list(islice(queries, AT_ONCE))))
    return max(ours), max(theirs)


async def _parts(stack: LocalStack, queries: Sequence[str], *, reranker: OpenVINOReranker | None = None) -> list[float]:
    """Seconds of embedding, the two lists, the ledger records and reranking, one after the other."""
    precision = load_settings().embedding.precision
    embedder = OpenVINOEmbedder(Artifacts(cache_folder()).model_folder(), threads=1, precision=precision)
    found = []
    async with AsyncExitStack() as opened:
        client = connect(stack.qdrant.url, api_key=stack.qdrant.api_key)
        opened.push_async_callback(client.close)
        reader = QdrantReader(client, collection="documents")
        statistics = await reader.statistics()
        for query in queries:
            began = time.perf_counter()
            vector = embedder.encode([query]).vectors[0]
            lists = await reader.nearest([vector, Bm25().query(query, statistics)], limit=100)
            states = await reader.ledger({hit.key for hits in lists for hit in hits})
            seconds = time.perf_counter() - began
            if reranker is not None:
                best = fuse(Retrieved(tuple(map(tuple, lists)), states), limit=DEPTH * LIMIT)
                began = time.perf_counter()
                await reranker.score(query, [text_of(each) for each in best])
                seconds += time.perf_counter() - began
            found.append(seconds)
    return found[50:]  # the first ones warm up model and connection


async def _while_indexing(log: Log, service: Client, corpus: Sequence[Event], queries: Iterator[str]) -> list[float]:
    """Searches one after the other from when new documents are there until they are indexed."""
    changed = [{**event, "text": f"{event['text']}\nOnce more."} for event in corpus[:WHILE_INDEXING]]
    await log.publish(changed)
    indexing, found = asyncio.create_task(log.until_indexed()), list[float]()
    while not indexing.done():
        found.append(await service.ask(next(queries)))
    await indexing
    return found
