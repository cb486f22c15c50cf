"""The contract, for each reranker that the core package can run."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from freshet.search.rerank.base import Reranker
from freshet.search.rerank.http import HTTPReranker, RerankServer
from freshet.search.rerank.openvino import OpenVINOReranker
from tests.contract.rerank.suite import RerankerSuite
from tests.support.rerank_server import running_rerank_server
from tests.support.tiny_cross_encoder import write_tiny_cross_encoder


class TestOpenVINO(RerankerSuite):
    @pytest.fixture
    async def reranker(self, tmp_path: Path) -> AsyncIterator[Reranker]:
        reranker = OpenVINOReranker(write_tiny_cross_encoder(tmp_path), precision="f32")
        yield reranker
        await reranker.close()


class TestTextEmbeddingsInference(RerankerSuite):
    @pytest.fixture
    async def reranker(self) -> AsyncIterator[Reranker]:
        async with running_rerank_server() as server:
            reranker = HTTPReranker(RerankServer(server.url, "tei", "m"))
            yield reranker
            await reranker.close()


class TestCohere(RerankerSuite):
    @pytest.fixture
    async def reranker(self) -> AsyncIterator[Reranker]:
        async with running_rerank_server() as server:
            server.max_texts = 100
            reranker = HTTPReranker(RerankServer(f"{server.url}/v2", "cohere", "rerank-x"))
            yield reranker
            await reranker.close()
