"""`freshet demo`, as people start it: its own Kafka, engine, worker and service over a data folder of the test's."""

import asyncio
import fcntl
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest

from freshet.local.asking import ask
from tests.support.waiting import wait_until

START_SECONDS = 180.0
END_SECONDS = 15.0
MODULES = "json,csv,queue,threading"
# What a user may have set for other purposes: none of it is the demo's.
STRANGE = {"FRESHET_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1", "FRESHET_INDEX": "elsewhere", "FRESHET_TENANTS": "true"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One data folder for all: whoever comes first fills it."""
    return tmp_path_factory.mktemp("demo")


class Demo:
    """One run, with its output in files."""

    def __init__(self, folder: Path, data: Path) -> None:
        self.out, self.err = folder / "out", folder / "err"
        self._data = data
        self._process: asyncio.subprocess.Process

    async def start(self, *arguments: str) -> None:
        home = self.out.parent
        (home / ".env").write_text("FRESHET_TOPICS__DOCUMENTS=another\n")
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "freshet", "demo", "--modules", MODULES, *arguments),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=home,
                env=os.environ | STRANGE | {"FRESHET_DATA_DIR": str(self._data)},
            )

    async def serving(self) -> str:
        """The address that it tells when it serves."""

        def told() -> str | None:
            assert self._process.returncode is None, f"it ended: {self.err.read_text()}"
            found = re.search(r"http://[0-9.:]+", self.out.read_text())
            return found and found[0]

        address: str = await wait_until(told, "the demo serves", deadline=START_SECONDS)
        return address

    def send(self, number: int) -> None:
        self._process.send_signal(number)

    async def end(self, seconds: float) -> int:
        return await asyncio.wait_for(self._process.wait(), seconds)

    def children(self) -> dict[int, str]:
        """The command lines of its parts."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                parent = (folder / "stat").read_text().rsplit(")", 1)[1].split()[1]
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(parent) == self._process.pid:
                found[int(folder.name)] = command
        return found

    async def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


@pytest.fixture
async def start(tmp_path: Path, data: Path) -> AsyncIterator[Callable[..., object]]:
    demos: list[Demo] = []

    async def run(*arguments: str) -> Demo:
        folder = tmp_path / str(len(demos))
        folder.mkdir()
        demos.append(Demo(folder, data))
        await demos[-1].start(*arguments)
        return demos[-1]

    yield run
    for demo in demos:
        await demo.kill()


def expect_nothing_left(children: dict[int, str], data: Path) -> None:
    left = {pid: command for pid, command in children.items() if Path(f"/proc/{pid}").exists()}
    assert not left
    with (data / "demo" / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


async def test_it_answers_queries_and_ends_and_the_next_start_finds_the_index_as_it_was(start, data):
    questions = ["how do I parse json", "rows of a spreadsheet exported as text"]
    arguments = ("--json", *(part for question in questions for part in ("--query", question)))
    first = await start(*arguments)
    assert await first.end(START_SECONDS) == 0, first.err.read_text()
    answers = json.loads(first.out.read_text())
    assert [answer["query"] for answer in answers] == questions
    found = [{result["metadata"]["module"].partition(".")[0] for result in answer["results"]} for answer in answers]
    assert found == [{"json"}, {"csv"}]
    assert "indexed" in first.err.read_text()

    again = await start(*arguments)
    assert await again.end(START_SECONDS) == 0, again.err.read_text()
    assert [each["results"] for each in json.loads(again.out.read_text())] == [each["results"] for each in answers]
    assert "indexed" not in again.err.read_text()


async def test_it_serves_until_it_is_interrupted_and_leaves_nothing_behind(start, data):
    demo = await start()
    url = await demo.serving()
    assert (await ask(url, "thread safe queue")).results[0].id == "queue"
    children = demo.children()
    assert len(children) == 4

    second = await start()
    assert await second.end(START_SECONDS) == 1
    assert re.fullmatch(
        r"freshet: the demo runs already \(process \d+\), with its data in .*\n", second.err.read_text()
    )
    assert (await ask(url, "thread safe queue")).results

    demo.send(signal.SIGINT)
    assert await demo.end(END_SECONDS) == 0
    expect_nothing_left(children, data)
    with pytest.raises(aiohttp.ClientConnectionError):
        async with aiohttp.ClientSession() as session, session.get(url):
            pass


async def test_it_can_be_told_to_stop_while_it_starts(start, data):
    demo = await start()
    children = await wait_until(demo.children, "the first parts run", deadline=START_SECONDS)
    demo.send(signal.SIGTERM)
    assert await demo.end(END_SECONDS) == 130
    expect_nothing_left(children, data)


@pytest.mark.parametrize(("command", "name"), [("kafka.Kafka", "Kafka"), ("freshet search", "freshet search")])
async def test_a_part_that_dies_ends_it_with_one_line_that_names_the_log(start, data, command, name):
    demo = await start()
    await demo.serving()
    children = demo.children()
    told = len(demo.err.read_text())
    os.kill(next(pid for pid, line in children.items() if command in line), signal.SIGKILL)
    assert await demo.end(END_SECONDS) == 1
    (line,) = demo.err.read_text()[told:].splitlines()
    log = data / "demo" / "logs" / f"{name.split()[-1].lower()}.log"
    assert log.is_file()
    assert line == f"freshet: {name} ended by itself; its log is {log}"
    expect_nothing_left(children, data)
