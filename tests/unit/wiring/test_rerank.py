"""From settings to a reranker: what keeps a service from starting, and what only makes it less sharp."""

import logging
import os
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from freshet.local.processes import free_port
from freshet.schemas.errors import SettingsError
from freshet.search.rerank.base import RerankOff, TimedReranker
from freshet.settings import load_settings
from freshet.wiring.rerank import open_rerank
from tests.support.tiny_cross_encoder import write_tiny_cross_encoder


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("FRESHET_") and "__" in name]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


async def opened(stack: AsyncExitStack, **rerank: object) -> TimedReranker | RerankOff:
    return await open_rerank(load_settings(rerank=rerank), stack)


async def test_it_is_off_unless_asked_for():
    async with AsyncExitStack() as stack:
        off = await opened(stack)
    assert off == RerankOff("it is off by the settings", wanted=False)


async def test_a_folder_gives_a_reranker_that_works_until_the_stack_is_closed(tmp_path: Path):
    folder = write_tiny_cross_encoder(tmp_path / "model")
    async with AsyncExitStack() as stack:
        reranker = await opened(stack, provider="openvino", model=str(folder), threads=1)
        assert not isinstance(reranker, RerankOff)
        assert len(await reranker.rerank("mice", ["a rat", "the heart"], within=60)) == 2


async def test_a_model_that_cannot_be_had_now_is_told_once_and_does_without(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.WARNING):
        async with AsyncExitStack() as stack:
            off = await opened(stack, provider="openvino", model="someone/nothing")
    assert isinstance(off, RerankOff)
    assert off.wanted
    assert "someone/nothing" in off.reason
    (record,) = [each for each in caplog.records if each.name.startswith("freshet")]
    assert "not reranked until the next start" in record.getMessage()
    assert "\n" not in record.getMessage()


async def test_a_server_that_is_away_does_not_keep_the_service_from_starting():
    async with AsyncExitStack() as stack:
        reranker = await opened(stack, provider="http", base_url=f"http://127.0.0.1:{free_port()}")
        assert not isinstance(reranker, RerankOff)


@pytest.mark.parametrize(
    ("rerank", "message"),
    [
        ({"provider": "openvino", "model": "./nowhere"}, "FRESHET_RERANK__MODEL: the model folder nowhere does not"),
        ({"provider": "http", "base_url": "http://host:port"}, "FRESHET_RERANK__BASE_URL: is no address"),
        ({"provider": "http"}, "FRESHET_RERANK__BASE_URL: .*must be given where the provider is http"),
        ({"provider": "somebody"}, "FRESHET_RERANK__PROVIDER: "),
        ({"budget_ms": 0}, "FRESHET_RERANK__BUDGET_MS: "),
    ],
)
async def test_a_mistake_is_told_with_its_variable(rerank: dict[str, object], message: str):
    async with AsyncExitStack() as stack:
        with pytest.raises(SettingsError, match=message):
            await opened(stack, **rerank)


async def test_a_model_with_three_labels_is_a_mistake_too(tmp_path: Path):
    folder = write_tiny_cross_encoder(tmp_path / "model", labels=3)
    async with AsyncExitStack() as stack:
        with pytest.raises(SettingsError, match=r"FRESHET_RERANK__MODEL: .* 3 labels"):
            await opened(stack, provider="openvino", model=str(folder))
