"""Models from a hub: a small server that speaks what huggingface_hub asks, and a process that loads from it."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from freshet.local.processes import free_port
from tests.support.tiny_model import write_tiny_model

COMMIT = "0123456789abcdef0123456789abcdef01234567"
MODEL = "someone/tiny"
LOAD = """
import json, sys
from freshet.search.embedding.load import load_embedder
embedder = load_embedder("openvino", sys.argv[1], **json.loads(sys.argv[2]))
print(json.dumps({"name": embedder.model.name, "vector": embedder.encode(["abc"]).vectors[0].tolist()}))
"""


@dataclass
class Hub:
    folder: Path
    url: str = ""
    files: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    sent: set[str] = field(default_factory=set)

    async def about(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        if request.match_info["name"] != "tiny":
            return web.json_response({"error": "no"}, status=404, headers={"X-Error-Code": "RepoNotFound"})
        siblings = [{"rfilename": name} for name in self.files]
        return web.json_response({"id": MODEL, "sha": COMMIT, "siblings": siblings, "private": False})

    async def file(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        name = request.match_info["file"]
        content = (self.folder / name).read_bytes()
        if request.method == "GET":
            self.sent.add(name)
        headers = {"ETag": f'"{len(content):040d}"', "X-Repo-Commit": COMMIT}
        return web.Response(body=content, headers=headers)


@asynccontextmanager
async def running_hub(folder: Path) -> AsyncIterator[Hub]:
    hub = Hub(folder, files=_files(folder))
    app = web.Application()
    app.router.add_get("/api/models/someone/{name}/revision/{revision}", hub.about)
    app.router.add_get("/api/models/someone/{name}", hub.about)
    app.router.add_get("/someone/{name}/resolve/{revision}/{file:.+}", hub.file)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hub.url = "http://{}:{}".format(*runner.addresses[0][:2])
    yield hub
    await runner.cleanup()


def _files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    folder = write_tiny_model(tmp_path / "published" / "openvino").parent
    for name in ("tokenizer.json", "config.json"):
        (folder / "openvino" / name).rename(folder / name)
    (folder / "modeling_tiny.py").write_text("raise SystemExit('code of a stranger')")
    (folder / "pytorch_model.bin").write_bytes(b"a pickle")
    async with running_hub(folder) as hub:
        yield hub


async def load(tmp_path: Path, url: str, model: str, **options: str) -> tuple[int, str]:
    """Load in a process of its own, because the hub's address is read when its library is imported."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", LOAD, model, json.dumps(options)),
        env={**kept, "HF_ENDPOINT": url, "HF_HOME": str(tmp_path / "cache"), "HF_HUB_DISABLE_XET": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    return process.returncode or 0, (output or errors).decode()


async def test_a_model_is_fetched_without_code_or_pickles_and_only_once(hub: Hub, tmp_path: Path):
    code, output = await load(tmp_path, hub.url, MODEL)
    assert code == 0, output
    assert json.loads(output)["name"] == MODEL
    assert hub.sent == {"openvino/openvino_model.xml", "openvino/openvino_model.bin", "tokenizer.json", "config.json"}
    hub.asked.clear()
    code, again = await load(tmp_path, hub.url, MODEL)
    assert (code, again) == (0, output)
    assert hub.asked == []


async def test_a_revision_is_part_of_the_name(hub: Hub, tmp_path: Path):
    code, output = await load(tmp_path, hub.url, MODEL, revision=COMMIT)
    assert code == 0, output
    assert json.loads(output)["name"] == f"{MODEL}@{COMMIT}"


async def test_a_model_without_a_graph_file_is_refused_before_anything_is_fetched(hub: Hub, tmp_path: Path):
    hub.files = ["model.safetensors", "tokenizer.json", "config.json"]
    code, output = await load(tmp_path, hub.url, MODEL)
    assert code == 1
    assert "SettingsError" in output
    assert "freshet[torch]" in output
    assert hub.sent == set()


async def test_a_model_that_the_hub_does_not_have_is_a_wrong_setting(hub: Hub, tmp_path: Path):
    code, output = await load(tmp_path, hub.url, "someone/else")
    assert code == 1
    assert "SettingsError: the hub has no model 'someone/else'" in output


async def test_a_hub_that_is_away_can_be_tried_again(tmp_path: Path):
    code, output = await load(tmp_path, f"http://127.0.0.1:{free_port()}", MODEL)
    assert code == 1
    assert "TransientError: fetch a model" in output


async def test_a_name_that_is_none_is_a_wrong_setting(hub: Hub, tmp_path: Path):
    code, output = await load(tmp_path, hub.url, "no//name")
    assert code == 1
    assert "SettingsError" in output
    assert hub.asked == []
