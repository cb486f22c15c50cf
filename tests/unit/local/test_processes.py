import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from freshet.local import launcher
from freshet.local.processes import SERVER_PORTS, ChildProcess, LocalPartError, free_ports
from tests.support.waiting import wait_until

SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
DEAF = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)",
]


def child(tmp_path: Path, argv: list[str], *, ready=None, deadline=20.0, env=None) -> ChildProcess:
    log = tmp_path / "child.log"

    async def said_up() -> bool:
        return "up" in log.read_text()

    return ChildProcess("the child", argv, log=log, ready=ready or said_up, deadline=deadline, env=env)


async def never() -> bool:
    return False


def running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


async def test_a_child_is_ready_inside_the_block_and_gone_after_it(tmp_path):
    async with child(tmp_path, SLEEP) as server:
        assert server.alive
        pid = server.pid
    assert not server.alive
    assert not running(pid)


async def test_a_child_that_dies_before_it_is_ready_fails_at_once_with_the_end_of_its_log(tmp_path):
    script = "import sys; print('port is taken'); sys.exit(3)"
    with pytest.raises(LocalPartError, match=r"(?s)the child ended with code 3 .*child\.log.*port is taken"):
        await child(tmp_path, [sys.executable, "-c", script], ready=never, deadline=200.0).start()


async def test_a_readiness_check_that_hangs_does_not_hide_the_death(tmp_path):
    async def hang() -> bool:
        await asyncio.Event().wait()
        return True

    server = child(tmp_path, [sys.executable, "-c", "raise SystemExit(4)"], ready=hang, deadline=200.0)
    with pytest.raises(LocalPartError, match="ended with code 4"):
        await server.start()


async def test_the_log_of_an_earlier_start_is_not_blamed(tmp_path):
    (tmp_path / "child.log").write_text("old trouble\n")
    with pytest.raises(LocalPartError) as raised:
        await child(tmp_path, [sys.executable, "-c", "raise SystemExit('new trouble')"], ready=never).start()
    assert "new trouble" in str(raised.value)
    assert "old trouble" not in str(raised.value)


async def test_a_child_that_never_gets_ready_is_ended_and_reported(tmp_path):
    server = child(tmp_path, SLEEP, ready=never, deadline=1.0)
    with pytest.raises(LocalPartError, match="not ready after 1 s"):
        await server.start()
    assert not server.alive


async def test_an_error_of_the_readiness_check_ends_the_child_and_is_raised(tmp_path):
    async def broken() -> bool:
        raise ValueError("a mistake of ours")

    server = child(tmp_path, SLEEP, ready=broken)
    with pytest.raises(ValueError, match="a mistake of ours"):
        await server.start()
    assert not server.alive


async def test_a_refused_connection_means_not_yet(tmp_path):
    tries = 0

    async def refused_twice() -> bool:
        nonlocal tries
        tries += 1
        if tries <= 2:
            raise ConnectionRefusedError
        return True

    async with child(tmp_path, SLEEP, ready=refused_twice):
        assert tries == 3


async def test_a_cancelled_start_leaves_nothing_running(tmp_path):
    server = child(tmp_path, SLEEP, ready=never)
    start = asyncio.create_task(server.start())
    await wait_until(lambda: server.alive, "the child is started")
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert not server.alive


async def test_a_child_deaf_to_sigterm_is_killed_after_the_grace(tmp_path):
    async with child(tmp_path, DEAF) as server:
        await server.stop(grace=0.2)
        assert not server.alive


async def test_a_missing_program_is_named(tmp_path):
    with pytest.raises(LocalPartError, match="cannot run /nowhere/serverd: No such file"):
        await child(tmp_path, ["/nowhere/serverd"], ready=never).start()


async def test_a_child_can_be_killed_and_started_again(tmp_path):
    async with child(tmp_path, SLEEP) as server:
        first = server.pid
        await server.kill()
        assert not server.alive
        await server.start()
        assert server.alive
        assert server.pid != first


async def test_a_paused_child_stands_still_until_it_is_resumed_and_can_be_stopped_while_paused(tmp_path):
    def state() -> str:
        return Path(f"/proc/{server.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]

    async with child(tmp_path, SLEEP) as server:
        server.pause()
        await wait_until(lambda: state() == "T", "the child is paused")
        server.resume()
        await wait_until(lambda: state() != "T", "the child goes on")
        server.pause()
    assert not server.alive


async def test_the_environment_is_added_to(tmp_path):
    show = (
        "import os, time; given = os.environ; "
        "print(f\"up {given['GIVEN']} {given['HOME']}\", flush=True); time.sleep(600)"
    )
    async with child(tmp_path, [sys.executable, "-c", show], env={"GIVEN": "value"}) as server:
        assert f"up value {os.environ['HOME']}" in server.log_tail()


PARENT = """
import asyncio, sys
from pathlib import Path
from freshet.local.processes import ChildProcess

async def main():
    log = Path(sys.argv[1])
    async def ready():
        return "up" in log.read_text()
    program = "import time; print('up', flush=True); time.sleep(600)"
    async with ChildProcess("child", [sys.executable, "-c", program], log=log, ready=ready) as child:
        print(child.pid, flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


def start_parent(tmp_path: Path) -> tuple[subprocess.Popen[str], int]:
    command = [sys.executable, "-c", PARENT, str(tmp_path / "child.log")]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, process_group=0)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.stdout.close()
    return parent, pid


async def test_children_end_with_a_parent_that_is_killed(tmp_path):
    parent, pid = start_parent(tmp_path)
    assert running(pid)
    parent.kill()
    parent.wait()
    await wait_until(lambda: not running(pid), "the child ends with its parent")


async def test_ctrl_c_in_a_terminal_reaches_the_parent_only(tmp_path):
    parent, pid = start_parent(tmp_path)
    assert os.getpgid(pid) == pid
    os.killpg(parent.pid, signal.SIGINT)
    await asyncio.to_thread(parent.wait)
    assert not running(pid)


WATCHED = f"""
import sys
sys.path.insert(0, {str(Path(launcher.__file__).parent)!r})
import launcher
launcher.watch_parent()
launcher.detach_stdin()
launcher.os.execvp(sys.argv[1], sys.argv[1:])
"""


def start_watched(*argv: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", WATCHED, *argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0
    )


async def test_where_the_system_does_not_help_a_watcher_kills_the_program_when_the_parent_is_gone():
    process = start_watched(*SLEEP)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    process.stdin.close()
    assert await asyncio.to_thread(process.wait) == -signal.SIGKILL
    process.stdout.close()


async def test_the_watcher_ends_with_the_program_it_watches():
    process = start_watched(sys.executable, "-c", "print('done')")
    assert process.stdin is not None
    assert process.stdout is not None
    # The watcher holds the other end of this pipe too: reading ends when both are gone.
    assert await asyncio.to_thread(process.stdout.read) == b"done\n"
    assert process.wait() == 0
    process.stdin.close()
    process.stdout.close()


def test_free_ports_are_different_and_can_be_listened_on():
    ports = free_ports(20)
    assert len(set(ports)) == 20
    assert set(ports) <= set(SERVER_PORTS)
    with socket.create_server(("127.0.0.1", ports[0])):
        pass
