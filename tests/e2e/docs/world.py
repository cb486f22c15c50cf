"""What the pages take for granted: servers at their addresses, files to publish, and programs on the path."""

import json
import os
import stat
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from freshet.local.folders import cache_folder
from freshet.schemas.access import Key, Scope, key_hash
from tests.support.openai_server import running_openai_server
from tests.support.road import Process, Road
from tests.support.servers import Servers
from tests.support.tiny_model import write_tiny_model

ROOT = Path(__file__).parents[3]
# What takes the place of programs that are not here, or that would never end, by the file in stand_ins/.
PROGRAMS = {
    "docker": "docker",
    "freshet": "freshet",
    "git": "git",
    "kafka-configs.sh": "kafka",
    "kafka-console-producer.sh": "kafka",
    "kafka-topics.sh": "kafka",
    "make": "make",
    "pip": "pip",
    "sudo": "sudo",
    "systemctl": "systemctl",
}
ROUTER = "Hold the button for ten seconds until the light goes out. The router then starts as it came from the factory."
ARTICLES: list[dict[str, object]] = [
    {"id": "kb-16", "title": "Change your password", "text": "Choose a new password of twelve characters or more."},
    {"id": "kb-17", "title": "Reset the router", "text": ROUTER, "metadata": {"lang": "en"}},
    {"id": "kb-18", "title": "Return a parcel", "text": "Bring the parcel and its label to any post office."},
]
SEARCH_KEY = "fk_shown-by-whoever-reads-the-page-of-keys"  # what pages call $SEARCH_KEY
KEY = Key(name="reader", hash=key_hash(SEARCH_KEY), scopes=(Scope.SEARCH,))
HANDBOOK = {
    "holidays.md": "# Holidays\n\nEverybody has thirty days of holiday a year. Ask your lead two weeks before.\n",
    "travel/expenses.rst": "Expenses\n========\n\nKeep the receipts of your journey and hand them in within a month.\n",
}


@dataclass(frozen=True)
class World:
    """Servers, worker and service that run. `names` turns what pages say into what is true here."""

    names: dict[str, str]
    environment: dict[str, str]
    processes: tuple[Process, Process]
    road: Road

    async def put_back(self) -> None:
        """Have the version live again that the worker follows, and no other there, whatever a page has built."""
        versions = json.loads(await self._freshet("versions", "--json"))
        own = next(each for each in versions if each["members"])
        if own["state"] != "live":
            await self._freshet("promote", own["name"], "--force")
        for each in versions:
            if each is not own:
                await self._freshet("versions", "drop", each["name"], "--force")

    async def _freshet(self, *arguments: str) -> str:
        code, output = await self.road.command(*arguments)
        assert code == 0, output
        return output

    def here(self, text: str) -> str:
        for shown, real in self.names.items():
            text = text.replace(shown, real)
        return text

    def as_shown(self, text: str) -> str:
        """What is printed here, with the names of the pages; the first name of an address is the one that is shown."""
        for shown, real in self.names.items():
            text = text.replace(real, shown)
        return text

    def folder(self, parent: Path) -> Path:
        """A folder with the files that pages publish."""
        folder = parent / "here"
        folder.mkdir()
        (folder / "articles.jsonl").write_text(lines(ARTICLES))
        (folder / "events.ndjson").write_text(lines([{"type": "upsert", **each} for each in ARTICLES]))
        for name, text in HANDBOOK.items():
            for top in ("docs", "handbook"):
                (folder / top / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / top / name).write_text(text)
        return folder


@asynccontextmanager
async def running_world(folder: Path, servers: Servers, redis_url: str) -> AsyncIterator[World]:
    """One world for all pages, with an index and topics of the usual names on servers of its own."""
    numbers = count(1)
    kafka, qdrant = await servers.kafka("docs-kafka"), await servers.qdrant("docs-qdrant")
    road = Road(
        bootstrap=kafka.bootstrap,
        qdrant_url=qdrant.url,
        qdrant_key=qdrant.api_key,
        log_name=lambda process: f"docs-{process}-{next(numbers)}",
        settings={"FRESHET_TOPICS__DOCUMENTS": "documents", "FRESHET_INDEX": "documents"},
    )
    worker, search = road.worker(), road.search()
    url = road.url
    guarded = road.search(FRESHET_SEARCH__KEYS=json.dumps([KEY.model_dump(mode="json")]))
    async with AsyncExitStack() as stack:
        for process in (worker, search, guarded):
            stack.push_async_callback(process.stop)
            await process.start()
        letter = await one_dead_letter(road)
        openai = await stack.enter_async_context(running_openai_server())
        names = {
            "kafka:9092": kafka.bootstrap,
            "127.0.0.1:9092": kafka.bootstrap,
            "http://qdrant:6333": qdrant.url,
            "http://127.0.0.1:6333": qdrant.url,
            "redis://redis:6379/0": redis_url,
            "http://127.0.0.1:8080": url,
            "documents/1@17": letter,
            "https://search.example.com": road.url,
            "http://127.0.0.1:9108": worker.probes,
            "http://127.0.0.1:9109": search.probes,
            "https://llm.example.com/v1": openai.url,
            "/models/handbook": str(write_tiny_model(folder / "model")),
        }
        yield World(names, _environment(folder, road.environment), (worker, search), road)


async def one_dead_letter(road: Road) -> str:
    """Send an event that can never be indexed, and wait until it is a dead letter; its origin."""
    await road.produce([(b"kb-20", b'{"type": "upsert", "id": "kb-20", "text": 7}')])
    await road.caught_up()
    letters = await road.records(f"{road.topic}.dead-letters")
    return dict(letters[-1].headers)["origin"].decode()


def _environment(folder: Path, settings: Mapping[str, str]) -> dict[str, str]:
    home, programs = folder / "home", folder / "bin"
    home.mkdir()
    (home / ".curlrc").write_text("silent\nshow-error\nfail-with-body\nmax-time = 30\n")
    programs.mkdir()
    for name, file in PROGRAMS.items():
        _program(programs / name, f'exec "{sys.executable}" -P -m tests.e2e.docs.stand_ins.{file} "$@"', name)
    for name in ("python", "python3"):
        _program(programs / name, f'exec "{sys.executable}" "$@"', name)
    export = "\n".join(f"echo '{line}'" for line in lines(ARTICLES).splitlines())
    _program(programs / "my-export", export, "my-export")
    return {
        **settings,
        "HOME": str(home),
        "PATH": os.pathsep.join([str(programs), "/usr/local/bin", "/usr/bin", "/bin"]),
        "PYTHONPATH": str(ROOT),
        "LANG": "C.UTF-8",
        "FRESHET_CACHE_DIR": str(cache_folder()),
        "FRESHET_DATA_DIR": str(folder / "data"),
        "HF_HUB_OFFLINE": "1",
        "SEARCH_KEY": SEARCH_KEY,
        "PYTHONUNBUFFERED": "1",  # complaints and output come in the order of a terminal
    }


def _program(file: Path, script: str, name: str) -> None:
    file.write_text(f'#!/bin/sh\nexport STANDS_IN_FOR="{name}"\n{script}\n')
    file.chmod(file.stat().st_mode | stat.S_IXUSR)


def lines(documents: list[dict[str, object]]) -> str:
    return "".join(json.dumps(each) + "\n" for each in documents)
