"""What the doctor says of the reranker."""

import os
from pathlib import Path

import pytest

from freshet.doctor.findings import Finding, Mark
from freshet.doctor.rerank import check_rerank
from freshet.local.processes import free_port
from freshet.schemas.errors import SettingsError
from freshet.settings import load_settings
from tests.support.rerank_server import running_rerank_server
from tests.support.tiny_cross_encoder import write_tiny_cross_encoder


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("FRESHET_") and "__" in name]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


async def found(**rerank: object) -> Finding:
    (finding,) = await check_rerank(load_settings(rerank=rerank))
    return finding


async def test_one_that_is_off_is_well():
    finding = await found()
    assert (finding.mark, finding.found[:4]) == (Mark.OK, "off:")


async def test_one_that_works_is_told_with_its_name_and_speed(tmp_path: Path):
    folder = write_tiny_cross_encoder(tmp_path / "model")
    finding = await found(provider="openvino", model=str(folder), budget_ms=60_000)
    assert finding.mark == Mark.OK
    assert finding.found.startswith("blake2b:")
    assert "15 short passages" in finding.found


async def test_one_that_is_too_slow_for_its_budget_is_told(tmp_path: Path):
    folder = write_tiny_cross_encoder(tmp_path / "model")
    finding = await found(provider="openvino", model=str(folder), budget_ms=0.000001)
    assert finding.mark == Mark.WARN
    assert "FRESHET_RERANK__BUDGET_MS" in finding.hint


async def test_a_server_is_asked():
    async with running_rerank_server() as server:
        finding = await found(provider="http", base_url=server.url, budget_ms=60_000)
        assert finding.mark == Mark.OK
        assert len(server.requests[0]["texts"]) == 15


async def test_one_that_is_away_is_a_warning_for_searches_go_on_without_it():
    finding = await found(provider="http", base_url=f"http://127.0.0.1:{free_port()}")
    assert finding.mark == Mark.WARN
    assert "reachable" in finding.hint
    finding = await found(provider="openvino", model="someone/nothing")
    assert finding.mark == Mark.WARN
    assert "folder" in finding.hint


async def test_a_setting_that_can_never_work_fails(tmp_path: Path):
    with pytest.raises(SettingsError, match="FRESHET_RERANK__MODEL"):
        await found(provider="openvino", model=str(tmp_path / "nowhere"))
