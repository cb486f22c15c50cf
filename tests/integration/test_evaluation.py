"""An evaluation and the Qdrant that it is made in: nothing is touched, and nothing stays that was not asked for."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import aiohttp
import pytest
from qdrant_client import AsyncQdrantClient

from freshet.evaluation import opening
from freshet.evaluation.beir import FolderError, Judged, read_folder
from freshet.evaluation.collection import PREFIX
from freshet.evaluation.evaluating import Parts, evaluate
from freshet.evaluation.opening import needs_engine, open_parts
from freshet.evaluation.results import Evaluation
from freshet.evaluation.runs import RUNS
from freshet.local.processes import LOOPBACK, free_port
from freshet.schemas.decoding import Rules
from freshet.schemas.errors import SettingsError
from freshet.search.index.qdrant.client import connect
from freshet.search.rerank.base import RerankOff
from freshet.settings import Qdrant, Settings
from freshet.settings_groups.embedding import Embedding
from tests.support.embedder import CountingEmbedder
from tests.support.judged import write_judged
from tests.support.servers import QdrantServer
from tests.support.tiny_model import write_tiny_model

DOCUMENTS = {f"d{number}": f"word{number} stands in this one alone" for number in range(12)}
QUERIES = {"q3": "word3", "q8": "word8"}
GRADES = {"q3": {"d3": 1}, "q8": {"d8": 1}}


@pytest.fixture
async def client(qdrant: QdrantServer) -> AsyncIterator[AsyncQdrantClient]:
    client = connect(qdrant.url, api_key=qdrant.api_key)
    yield client
    await client.close()


@pytest.fixture
def judged(tmp_path: Path) -> Judged:
    return read_folder(write_judged(tmp_path / "mini", DOCUMENTS, QUERIES, GRADES), rules=Rules())


@contextmanager
def no_bar(_doing: str, _total: int) -> Iterator[Callable[[int], None]]:
    yield lambda _: None


def parts(client: AsyncQdrantClient, embedder: CountingEmbedder) -> Parts:
    none = RerankOff("none", wanted=False)
    return Parts(
        settings=Settings(), client=client, passages=embedder, queries=CountingEmbedder(), reranker=none, bar=no_bar
    )


async def run(client: AsyncQdrantClient, judged: Judged, embedder: CountingEmbedder, *, keep: bool) -> Evaluation:
    return await evaluate(judged, RUNS[:1], parts(client, embedder), keep=keep)


async def ours(client: AsyncQdrantClient) -> set[str]:
    return {each.name for each in (await client.get_collections()).collections if each.name.startswith(PREFIX)}


async def test_words_find_what_holds_them_and_nothing_stays(client: AsyncQdrantClient, judged: Judged):
    before, aliases = await ours(client), await client.get_aliases()

    found = await run(client, judged, CountingEmbedder(), keep=False)

    assert found.corpus.passages == len(DOCUMENTS)
    assert found.runs[0].measures == {"ndcg@10": 1, "recall@100": 1, "mrr@10": 1}
    assert await ours(client) == before
    assert await client.get_aliases() == aliases


async def test_a_corpus_that_was_kept_is_not_embedded_again(client: AsyncQdrantClient, judged: Judged):
    before, first, second = await ours(client), CountingEmbedder(), CountingEmbedder()
    one = await run(client, judged, first, keep=True)
    (kept,) = await ours(client) - before
    try:
        other = await run(client, judged, second, keep=True)

        assert len(first.texts) == len(DOCUMENTS)
        assert second.texts == []
        assert other.runs[0].queries == one.runs[0].queries
        assert await ours(client) == before | {kept}
    finally:
        await client.delete_collection(kept)


async def test_a_refused_document_is_told_by_its_line_and_nothing_stays(client: AsyncQdrantClient, judged: Judged):
    before = await ours(client)
    with pytest.raises(FolderError, match=r"corpus\.jsonl, line 6: .*the model refuses this text"):
        await run(client, judged, CountingEmbedder(poison="word5"), keep=False)
    assert await ours(client) == before


async def test_who_is_cancelled_leaves_nothing_behind(client: AsyncQdrantClient, judged: Judged):
    before, entered = await ours(client), asyncio.Event()

    class Slow(CountingEmbedder):
        async def embed(self, *_texts, **_purpose):
            entered.set()
            await asyncio.Event().wait()

    running = asyncio.create_task(run(client, judged, Slow(), keep=False))
    await asyncio.wait_for(entered.wait(), 30)
    assert len(await ours(client) - before) == 1
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await ours(client) == before


async def test_a_query_that_cannot_be_asked_is_told_by_its_line(client: AsyncQdrantClient, tmp_path: Path):
    queries = {**QUERIES, "q9": "x" * 9_000}
    folder = write_judged(tmp_path / "long", DOCUMENTS, queries, {**GRADES, "q9": {"d3": 1}})
    with pytest.raises(FolderError, match=r"queries\.jsonl, line 3: the query has 9000 characters"):
        await run(client, read_folder(folder, rules=Rules()), CountingEmbedder(), keep=False)


@pytest.fixture
def untold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings as of somebody who never set an address, on a machine where nobody listens at the usual one."""
    usual = f"http://{LOOPBACK}:{free_port()}"
    monkeypatch.setattr(opening, "USUAL", usual)
    model = write_tiny_model(tmp_path / "model")
    return Settings(qdrant=Qdrant(url=usual), embedding=Embedding(model=str(model)))


async def test_without_any_qdrant_the_engine_runs_as_long_as_the_evaluation(untold: Settings, judged: Judged):
    said: list[str] = []
    async with open_parts(untold, bar=no_bar, say=said.append) as given:
        url = given.settings.qdrant.url
        found = await evaluate(judged, RUNS[:3], given)
    assert [each.name for each in found.runs] == ["sparse", "dense", "hybrid"]
    assert found.runs[0].measures["ndcg@10"] == 1
    assert said == [f"no Qdrant answers at {untold.qdrant.url}: the local engine is used, and ends with this command"]
    with pytest.raises(aiohttp.ClientConnectionError):
        await _get(url)


async def _get(url: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(url):
        pass


async def test_what_would_end_with_the_command_cannot_be_kept(untold: Settings):
    with pytest.raises(SettingsError, match="--keep: no Qdrant is there to keep it; set FRESHET_QDRANT__URL"):
        async with open_parts(untold, bar=no_bar, say=pytest.fail, keep=True):
            pass


async def test_an_address_that_was_set_is_never_passed_over(untold: Settings):
    elsewhere = untold.model_copy(update={"qdrant": Qdrant(url=f"http://{LOOPBACK}:{free_port()}")})
    assert needs_engine(untold)
    assert not needs_engine(elsewhere)


async def test_the_usual_address_is_used_where_somebody_answers(untold: Settings):
    async with _listening(untold.qdrant.url):
        assert not needs_engine(untold)


@asynccontextmanager
async def _listening(url: str) -> AsyncIterator[None]:
    server = await asyncio.start_server(lambda *_: None, LOOPBACK, int(url.rpartition(":")[2]))
    async with server:
        yield


async def test_two_evaluations_at_once_do_not_meet(client: AsyncQdrantClient, judged: Judged):
    before = await ours(client)
    found = await asyncio.gather(*(run(client, judged, CountingEmbedder(), keep=False) for _ in range(2)))
    assert [each.runs[0].measures["ndcg@10"] for each in found] == [1, 1]
    assert await ours(client) == before


async def test_a_kept_collection_that_is_half_full_is_completed(client: AsyncQdrantClient, judged: Judged):
    """As somebody leaves it who is interrupted."""
    before = await ours(client)
    with pytest.raises(FolderError):
        await run(client, judged, CountingEmbedder(poison="word9"), keep=True)
    (kept,) = await ours(client) - before
    try:
        rest = CountingEmbedder()
        found = await run(client, judged, rest, keep=True)
        assert len(rest.texts) == 1
        assert found.corpus.passages == len(DOCUMENTS)
    finally:
        await client.delete_collection(kept)


async def test_another_corpus_never_gets_what_was_kept(client: AsyncQdrantClient, judged: Judged, tmp_path: Path):
    before = await ours(client)
    other = read_folder(
        write_judged(tmp_path / "other", {**DOCUMENTS, "d3": "nothing of it"}, QUERIES, GRADES), rules=Rules()
    )
    try:
        one = await run(client, judged, CountingEmbedder(), keep=True)
        two = await run(client, other, CountingEmbedder(), keep=True)
        assert len(await ours(client) - before) == 2
        assert (one.runs[0].queries["q3"]["ndcg@10"], two.runs[0].queries["q3"]["ndcg@10"]) == (1, 0)
    finally:
        for name in await ours(client) - before:
            await client.delete_collection(name)


async def test_documents_that_would_be_dead_letters_are_told_before_anything_is_embedded(tmp_path: Path):
    folder = write_judged(tmp_path / "long", {"a": ("t" * 2_001, "text")}, {"q": "t"}, {"q": {"a": 1}})
    with pytest.raises(FolderError, match=r"corpus\.jsonl, line 1: title: "):
        read_folder(folder, rules=Rules())
    with pytest.raises(FolderError, match=r"corpus\.jsonl, line 1: the event has \d+ bytes, the limit is 1000"):
        read_folder(folder, rules=Rules(max_bytes=1_000))
