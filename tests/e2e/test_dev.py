"""`freshet dev`, as developers use it: started, used with what it prints and nothing else, killed, ended."""

import asyncio
import json
import os
import shlex
import signal
import socket
import stat
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from freshet.local.dev.control import stop
from freshet.local.dev.files import DevFolder
from freshet.local.processes import LOOPBACK
from tests.support.road import Process
from tests.support.waiting import wait_until

COMMAND_SECONDS = 180.0
TRIES = 5
DOCUMENT = b'{"id": "kb-1", "title": "Routers", "text": "Hold the button for ten seconds to reset the router."}\n'


@dataclass
class Done:
    code: int
    out: str
    err: str


class Dev:
    """`freshet dev …` over one data folder; `environment` is what a shell has after it evaluated what `up` printed."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.folder = DevFolder(data / "dev")
        self.environment: dict[str, str] = {}

    async def spawn(self, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-W", "error", "-m", "freshet", *arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=self.data,
            env=Process.inherited({**self.environment, "FRESHET_DATA_DIR": str(self.data)}),
        )

    async def run(self, *arguments: str, stdin: bytes = b"") -> Done:
        process = await self.spawn(*arguments)
        out, err = await asyncio.wait_for(process.communicate(stdin), COMMAND_SECONDS)
        assert b"Traceback" not in err, err.decode()
        return Done(process.returncode or 0, out.decode(), err.decode())

    async def up(self) -> Done:
        done = await self.run("dev", "up")
        assert done.code == 0, done.err
        self.environment = dict(shlex.split(line)[1].split("=", 1) for line in done.out.splitlines())
        return done

    def parts(self) -> dict[int, str]:
        """The command lines of the supervisor and of what it holds."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if str(self.folder.path) in command:
                found[int(folder.name)] = command
        return found

    def ports(self) -> list[int]:
        running = self.folder.running()
        assert running is not None
        return [running.kafka_port, running.qdrant_port]


@pytest.fixture
async def dev(tmp_path: Path) -> AsyncIterator[Dev]:
    under_test = Dev(tmp_path)
    yield under_test
    await asyncio.to_thread(stop, under_test.folder)
    assert not under_test.parts()


def answers(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True


async def caught_up(dev: Dev) -> bool:
    lag = await dev.run("lag", "--json")
    return lag.code == 0 and all(each["events"] == 0 for each in json.loads(lag.out))


async def index_with_a_worker(dev: Dev, started, log: str) -> None:
    """Publish a document and let a worker index it, each knowing only what `up` printed."""
    worker = Process("worker", dev.environment, log=log, ready="/readyz")
    await started(worker)
    published = await dev.run("publish", "-", stdin=DOCUMENT)
    assert published.out.startswith("published 1 event "), published.err
    await wait_until(lambda: caught_up(dev), "the document is indexed")
    await worker.stop()


async def test_what_up_prints_is_all_that_worker_publish_and_lag_need_and_down_leaves_nothing(dev, started, log_name):
    up = await dev.up()
    assert set(dev.environment) == {
        "FRESHET_KAFKA__BOOTSTRAP_SERVERS",
        "FRESHET_QDRANT__URL",
        "FRESHET_QDRANT__API_KEY",
    }
    assert "freshet worker" in up.err
    await index_with_a_worker(dev, started, log_name("worker"))

    ports, parts = dev.ports(), dev.parts()
    status = await dev.run("dev", "status")
    assert (status.code, status.out.count(" up ")) == (0, 2)
    assert len(parts) == 3

    down = await dev.run("dev", "down")
    assert (down.code, down.err) == (0, "")
    assert down.out.startswith("ended; the data stay in ")
    assert not dev.parts()
    assert not any(answers(port) for port in ports)
    again = await dev.run("dev", "down")
    assert (again.code, again.out.partition(";")[0]) == (0, "nothing runs")
    after = await dev.run("dev", "status", "--json")
    assert (after.code, [part["up"] for part in json.loads(after.out)["parts"]]) == (1, [False, False])


async def test_the_key_is_for_its_owner_alone_and_the_same_after_a_restart(dev):
    await dev.up()
    before = dict(dev.environment)
    modes = {stat.S_IMODE(file.stat().st_mode) for file in dev.folder.path.glob("*.json")}
    assert modes == {0o600}
    await dev.run("dev", "down")
    await dev.up()
    assert dev.environment["FRESHET_QDRANT__API_KEY"] == before["FRESHET_QDRANT__API_KEY"]


async def test_a_second_up_prints_the_same_and_starts_nothing(dev):
    first = await dev.up()
    parts = set(dev.parts())
    second = await dev.up()
    assert second.out == first.out
    assert ", as before" in second.err
    facts = json.loads((await dev.run("dev", "up", "--json")).out)
    assert (facts["started"], facts["environment"]) == (False, dev.environment)
    assert set(dev.parts()) == parts


async def test_of_two_ups_at_once_one_starts_it_and_both_tell_the_same(dev):
    one, other = await asyncio.gather(dev.run("dev", "up", "--json"), dev.run("dev", "up", "--json"))
    assert (one.code, other.code) == (0, 0), one.err + other.err
    facts = [json.loads(each.out) for each in (one, other)]
    assert sorted(each.pop("started") for each in facts) == [False, True]
    assert facts[0] == facts[1]
    assert len(dev.parts()) == 3


async def test_after_the_supervisor_was_killed_nothing_runs_on_and_the_next_up_finds_the_data(dev, started, log_name):
    await dev.up()
    await index_with_a_worker(dev, started, log_name("worker"))
    os.kill(dev.folder.holder(), signal.SIGKILL)
    await wait_until(lambda: not dev.parts(), "the parts died with their supervisor")
    assert (await dev.run("dev", "status")).code == 1

    await dev.up()
    lag = json.loads((await dev.run("lag", "--json")).out)
    assert (sum(each["end"] for each in lag), sum(each["events"] for each in lag)) == (1, 0)
    worker = Process("worker", dev.environment, log=log_name("worker"), ready="/readyz")
    await started(worker)  # ready only over the version that the first one made
    assert "indexing documents into documents__" in worker.log_tail()


@pytest.mark.parametrize("name", ["kafka.Kafka", "freshet.local.qdrant"])
async def test_a_part_that_dies_ends_the_other_and_the_reason_is_told(dev, name):
    await dev.up()
    os.kill(next(pid for pid, command in dev.parts().items() if name in command), signal.SIGKILL)
    await wait_until(lambda: not dev.parts(), "everything has ended")
    status = await dev.run("dev", "status")
    assert status.code == 1
    assert "ended by itself; its log is " in status.err
    assert "ended by itself" in dev.folder.supervisor_log.read_text()

    await dev.up()
    assert (await dev.run("dev", "status")).err == ""


async def test_a_start_that_fails_is_one_line_with_the_log_and_leaves_nothing(dev):
    dev.folder.path.mkdir(parents=True)
    dev.folder.qdrant.write_text("a file where the engine wants its folder")
    done = await dev.run("dev", "up")
    assert (done.code, done.out) == (1, "")
    told = [line for line in done.err.splitlines() if line.startswith("freshet: ")]
    assert len(told) == 1
    assert "The local Qdrant ended" in told[0]
    assert told[0].endswith(f"its log is {dev.folder.log('qdrant')}")
    assert not dev.parts()
    assert not dev.folder.is_locked()


async def test_a_data_folder_that_cannot_be_made_is_one_line(dev):
    (dev.data / "dev").write_text("a file")
    done = await dev.run("dev", "up")
    assert (done.code, done.out) == (1, "")
    assert [str(dev.folder.path) in line for line in done.err.splitlines() if line.startswith("freshet: ")] == [True]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_an_up_that_is_interrupted_ends_what_it_started(dev, number):
    for _ in range(TRIES):
        process = await dev.spawn("dev", "up")
        await wait_until(lambda: len(dev.parts()) > 1, "the first part runs", deadline=COMMAND_SECONDS)
        process.send_signal(number)
        out, _ = await asyncio.wait_for(process.communicate(), COMMAND_SECONDS)
        if process.returncode != 0:
            break
        await dev.run("dev", "down")  # it was up before the signal came
    assert (process.returncode, out) == (130, b"")
    assert not dev.parts()


async def test_other_ports_are_taken_and_told_where_the_usual_ones_are_in_use(dev):
    held = []
    for port in (9092, 6333):
        try:
            held.append(socket.create_server((LOOPBACK, port)))
        except OSError:  # somebody else has it, which will do as well
            continue
    try:
        up = await dev.up()
    finally:
        for server in held:
            server.close()
    assert not {9092, 6333} & set(dev.ports())
    assert "port 9092 was in use, so Kafka took " in up.err
    assert "port 6333 was in use, so the engine took " in up.err
    assert (await dev.run("dev", "status")).code == 0


async def test_down_never_ends_a_process_that_only_stands_in_the_lock_file(dev):
    dev.folder.path.mkdir(parents=True)
    bystander = await asyncio.create_subprocess_exec("sleep", "600")
    try:
        dev.folder.sign(bystander.pid)
        done = await dev.run("dev", "down")
        assert (done.code, done.out.partition(";")[0]) == (0, "nothing runs")
        assert bystander.returncode is None
        os.kill(bystander.pid, 0)
    finally:
        bystander.kill()
        await bystander.wait()


async def test_a_supervisor_that_hangs_is_killed_in_the_end(dev, monkeypatch):
    await dev.up()
    ports = dev.ports()
    monkeypatch.setattr("freshet.local.dev.control.END_SECONDS", 0.2)
    os.kill(dev.folder.holder(), signal.SIGSTOP)
    assert await asyncio.to_thread(stop, dev.folder)
    await wait_until(lambda: not dev.parts(), "the parts died with it")
    assert not any(answers(port) for port in ports)
