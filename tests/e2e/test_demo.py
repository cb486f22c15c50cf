"""`freshet demo`, as people start it: its own Kafka, engine, worker and service over a data folder of the test's."""

import asyncio
import json
import os
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from freshet.local.asking import ask
from tests.support.demo import END_SECONDS, START_SECONDS, Demo, expect_nothing_left
from tests.support.waiting import wait_until

MODULES = "json,csv,queue,threading"

Start = Callable[..., Awaitable[Demo]]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One data folder for all: whoever comes first fills it."""
    return tmp_path_factory.mktemp("demo")


@pytest.fixture
async def start(tmp_path: Path, data: Path) -> AsyncIterator[Start]:
    demos: list[Demo] = []

    async def run(*arguments: str) -> Demo:
        demos.append(Demo(tmp_path / str(len(demos)), data))
        await demos[-1].start("--modules", MODULES, *arguments)
        return demos[-1]

    yield run
    for demo in demos:
        await demo.kill()


async def test_it_answers_queries_and_ends_and_the_next_start_finds_the_index_as_it_was(start, data):
    questions = ["how do I parse json", "rows of a spreadsheet exported as text"]
    arguments = ("--json", *(part for question in questions for part in ("--query", question)))
    first = await start(*arguments)
    assert await first.end(START_SECONDS) == 0, first.err.read_text()
    answers = json.loads(first.out.read_text())
    assert [answer["query"] for answer in answers] == questions
    assert modules(answers) == ["json", "csv"]
    assert "indexed" in first.err.read_text()

    again = await start(*arguments)
    assert await again.end(START_SECONDS) == 0, again.err.read_text()
    assert modules(json.loads(again.out.read_text())) == ["json", "csv"]
    assert "indexed" not in again.err.read_text()


def modules(answers: list[dict[str, Any]]) -> list[str]:
    """Of the best document of each answer; what follows it may change with the term statistics."""
    return [answer["results"][0]["metadata"]["module"].partition(".")[0] for answer in answers]


async def test_it_serves_until_it_is_interrupted_and_leaves_nothing_behind(start, data):
    demo = await start()
    url = await demo.serving()

    async def finds_it() -> bool:
        return [each.id for each in (await ask(url, "a multi-producer, multi-consumer queue")).results][:1] == ["queue"]

    await wait_until(finds_it, "the documents are indexed")
    children = await demo.until(lambda: len(demo.children()) == 4 and demo.children(), "all parts run")

    second = await start()
    assert await second.end(START_SECONDS) == 1
    assert re.fullmatch(
        r"freshet: the demo runs already \(process \d+\), with its data in .*\n", second.err.read_text()
    )
    assert (await ask(url, "thread safe queue")).results

    demo.interrupt()
    assert await demo.end() == 0
    assert not [pid for pid in children if is_alive(pid)]
    expect_nothing_left(data)
    with pytest.raises(aiohttp.ClientConnectionError):
        async with aiohttp.ClientSession() as session, session.get(url):
            pass


async def test_what_it_tells_people_to_try_works_as_it_stands(start):
    demo = await start()
    url = await demo.serving()
    told = await demo.until(lambda: (text := demo.out.read_text()).endswith("maker\n") and text, "it has told all")
    assert max(len(line) for line in told.splitlines()) <= 80
    assert f"{url}/" in told
    tries = re.search(r"Worth trying:\n((?:  .+\n)+)", told)
    assert tries is not None
    for query in tries[1].splitlines():

        async def has_an_answer(query: str = query.strip()) -> bool:
            results = (await ask(url, query)).results
            return bool(results) and results[0].score > 0.35

        await wait_until(has_an_answer, f"{query!r} is worth trying")

    command = told[told.index("curl ") : told.index("\nand a moment later")]
    assert "token" in json.loads(await in_a_shell(command))
    query = told.splitlines()[-1].strip()

    async def is_found() -> bool:
        return [each.id for each in (await ask(url, query)).results][:1] == ["coffee-machine"]

    await wait_until(is_found, "the published document is found first by the query beside it")


async def in_a_shell(command: str) -> bytes:
    shell = await asyncio.create_subprocess_shell(f"{command} --silent --fail", stdout=asyncio.subprocess.PIPE)
    output, _ = await shell.communicate()
    return output


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def test_it_can_be_told_to_stop_while_it_starts(start, data):
    demo = await start()
    await demo.until(demo.children, "the first parts run")
    demo.send(signal.SIGTERM)
    assert await demo.end() == 130
    expect_nothing_left(data)


@pytest.mark.parametrize(("command", "name"), [("kafka.Kafka", "Kafka"), ("freshet search", "freshet search")])
async def test_a_part_that_dies_ends_it_with_one_line_that_names_the_log(start, data, command, name):
    demo = await start()
    await demo.serving()
    await demo.until(lambda: "\nready:" in demo.err.read_text(), "all parts are ready")
    told = len(demo.err.read_text())
    os.kill(next(pid for pid, line in demo.children().items() if command in line), signal.SIGKILL)
    assert await demo.end(END_SECONDS) == 1
    (line,) = [each for each in demo.err.read_text()[told:].splitlines() if each.startswith("freshet")]
    log = data / "demo" / "logs" / f"{name.split()[-1].lower()}.log"
    assert log.is_file()
    assert line == f"freshet: {name} ended by itself; its log is {log}"
    expect_nothing_left(data)
