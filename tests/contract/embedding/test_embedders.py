"""The contract, for each embedder that the core package can run."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from freshet.search.embedding.base import Embedder
from freshet.search.embedding.cached import CachedEmbedder
from freshet.search.embedding.memory import MemoryEmbeddingCache
from freshet.search.embedding.metrics import EmbeddingMetrics
from freshet.search.embedding.openai import Endpoint, OpenAIEmbedder
from freshet.search.embedding.openvino import OpenVINOEmbedder
from freshet.search.embedding.together import TogetherEmbedder
from tests.contract.embedding.suite import EmbedderSuite
from tests.support.openai_server import DIMENSION, running_openai_server
from tests.support.tiny_model import write_tiny_model


class TestOpenVINOWithATinyModel(EmbedderSuite):
    @pytest.fixture
    async def embedder(self, tmp_path: Path) -> AsyncIterator[Embedder]:
        embedder = OpenVINOEmbedder(write_tiny_model(tmp_path), precision="f32")
        yield embedder
        await embedder.close()


class TestOpenVINOWithTheDefaultModel(EmbedderSuite):
    @pytest.fixture
    async def embedder(self, model_folder: Path) -> AsyncIterator[Embedder]:
        embedder = OpenVINOEmbedder(model_folder, precision="f32")
        yield embedder
        await embedder.close()


class TestOpenVINOInBfloat16(EmbedderSuite):
    tolerance = 0.02

    @pytest.fixture
    async def embedder(self, model_folder: Path) -> AsyncIterator[Embedder]:
        embedder = OpenVINOEmbedder(model_folder, precision="bf16")
        yield embedder
        await embedder.close()


class TestOpenAI(EmbedderSuite):
    @pytest.fixture
    async def embedder(self) -> AsyncIterator[Embedder]:
        async with running_openai_server() as server:
            embedder = OpenAIEmbedder.connect(Endpoint("some-model", base_url=server.url, dimensions=DIMENSION))
            yield embedder
            await embedder.close()


class TestCachedEmbedder(EmbedderSuite):
    @pytest.fixture
    async def embedder(self, tmp_path: Path) -> AsyncIterator[Embedder]:
        model = OpenVINOEmbedder(write_tiny_model(tmp_path), precision="f32")
        embedder = CachedEmbedder(model, MemoryEmbeddingCache(), EmbeddingMetrics(CollectorRegistry()))
        yield embedder
        await embedder.close()


class TestTogetherEmbedder(EmbedderSuite):
    @pytest.fixture
    async def embedder(self, tmp_path: Path) -> AsyncIterator[Embedder]:
        embedder = TogetherEmbedder(OpenVINOEmbedder(write_tiny_model(tmp_path), precision="f32"), most=4)
        yield embedder
        await embedder.close()
