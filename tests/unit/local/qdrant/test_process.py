"""The process: how it starts, what it refuses, how it ends."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.qdrant_server.engine import KEY, Engine, connect
from tests.contract.qdrant_server.points import ids, passage
from tests.contract.qdrant_server.test_collections import DENSE


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    engine = Engine(tmp_path / "data")
    yield engine
    if engine.process.returncode is None:
        await engine.kill()


def run(folder: Path, *options: str, key: str = KEY) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "freshet.local.qdrant", "--folder", str(folder), *options]
    environment = {**os.environ, "FRESHET_LOCAL_QDRANT_KEY": key}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_in_order(engine: Engine, number: signal.Signals):
    await engine.start()
    client = connect(engine.url)
    await client.create_collection("a", vectors_config=DENSE)
    await client.upsert("a", [passage(1)])
    engine.process.send_signal(number)  # the client's connection is still open
    assert await engine.ended() == 0
    await client.close()
    assert "Traceback" not in engine.log
    assert KEY not in engine.log
    await engine.start()
    client = connect(engine.url)
    assert await ids(client, "a") == {1}
    await client.close()


async def test_it_ends_with_its_parent_when_told_so(engine: Engine):
    await engine.start("--end-with-parent")
    assert engine.process.stdin is not None
    engine.process.stdin.close()
    assert await engine.ended() == 0


async def test_it_outlives_its_standard_input_otherwise(engine: Engine):
    await engine.start()
    assert engine.process.stdin is not None
    engine.process.stdin.close()
    client = connect(engine.url)
    assert await client.collection_exists("a") is False
    await client.close()


async def test_a_second_process_on_the_folder_ends_with_one_clear_line(engine: Engine):
    await engine.start()
    client = connect(engine.url)
    await client.create_collection("a", vectors_config=DENSE)
    await client.upsert("a", [passage(1)])
    second = await asyncio.to_thread(run, engine.folder, "--port", "0")
    assert (second.returncode, second.stdout) == (1, "")
    assert len(second.stderr.splitlines()) == 1
    assert f"{engine.folder} is served by another process" in second.stderr
    assert await ids(client, "a") == {1}
    await client.close()
    assert await engine.stop() == 0
    assert "Traceback" not in engine.log


async def test_a_port_in_use_ends_it_with_one_clear_line(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        ended = await asyncio.to_thread(run, tmp_path, "--port", str(port))
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert f"127.0.0.1:{port}" in ended.stderr


async def test_without_a_key_it_does_not_start(tmp_path: Path):
    ended = await asyncio.to_thread(run, tmp_path, "--port", "0", key="")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "FRESHET_LOCAL_QDRANT_KEY" in ended.stderr


async def test_it_listens_on_the_loopback_interface_only(engine: Engine):
    await engine.start()
    port = int(engine.url.rpartition(":")[2])
    assert engine.url == f"http://127.0.0.1:{port}"
    with socket.socket() as outside:
        outside.settimeout(5)
        assert outside.connect_ex(("127.0.0.2", port)) != 0  # another loopback address, as any other interface
